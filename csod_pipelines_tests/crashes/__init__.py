"""Real processes, really killed."""

from __future__ import annotations
