"""Why the engine stops: the flow cannot go on (FlowStopped), a brake holds it (BrakeOn), the
portal is served from elsewhere (SecondDatabase), somebody paused it (RunPaused)."""

from __future__ import annotations


class FlowStopped(Exception):
    """Every further unit of the flow would fail the same way; the message says what to mend. Nothing is retried."""


class BrakeOn(FlowStopped):
    """More would be deactivated, withdrawn or moved than is usual: a person must look at the plan and release it."""


class SecondDatabase(FlowStopped):
    """Another database serves this portal; the message names both and says what to do."""


class RunPaused(Exception):
    """The flow was paused, or held by a brake, while a batch of it ran; what is left is found again by the next run."""
