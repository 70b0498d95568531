"""The story that `demo` plays and verifies: what people do on the vendors' screens, and what must follow.

It speaks the vendors' controls, Dagster's web API, and reads our own ledger, as anybody could; nothing is called behind
Dagster's back. A step is a function of the Stage; its docstring is what the operator reads.
"""
