"""Why the engine stops: the flow cannot go on (FlowStopped), or the worker no longer owns its unit (Fenced, LeaseLost)."""

from __future__ import annotations


class FlowStopped(Exception):
    """Every further unit of the flow would fail the same way; the message says what to mend. Nothing is retried."""
