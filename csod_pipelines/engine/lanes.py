"""For whom the next call to a vendor is made."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Literal

#: ``live``: people wait for it. ``batch``: leaves a reserve of every limit for what people wait for, and waits a limit out.
#: ``spare``: takes only what is left over, and like ``live`` sleeps a short wait and gives up at a longer one.
lane: ContextVar[Literal["live", "batch", "spare"]] = ContextVar("lane", default="live")
