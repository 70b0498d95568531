"""HTTP in: the vendors' webhooks, health, metrics. Its own process and its own database role, without Dagster.

A webhook is only a hint, so the gateway verifies, stores and answers; it never looks at what the record holds.
"""
