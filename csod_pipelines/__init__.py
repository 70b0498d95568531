"""Keeps Administrate and Cornerstone OnDemand in step, in both directions."""

from __future__ import annotations

__version__ = "0.1.0"
