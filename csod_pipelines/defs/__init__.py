"""The only rooms that import dagster: adapters between Dagster's words and the engine's, and nothing else.

No ``from __future__ import annotations`` here: Dagster 1.13 reads the annotations of ``context`` and ``config`` and
cannot resolve them from strings.
"""
