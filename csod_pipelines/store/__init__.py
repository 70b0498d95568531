"""Everything that must survive a crash: PostgreSQL, its schema, and the functions that are allowed to touch it.

Nothing here knows a vendor or Dagster. Each module is one table or one small group of tables; its functions take a
connection inside a transaction that the caller opened (``Database.begin``), so that what belongs together commits together.
"""
