"""The forms of the Launchpad: what an operator may set for a run, with bounds and defaults that write nothing.

Schedules and sensors pin ``mode: apply``. What holds for every run (who is in scope, brakes, limits) stands in
csod_pipelines.yaml and not here.
"""

from enum import Enum

import dagster as dg
from pydantic import Field, field_validator


class RunMode(Enum):
    """Names equal values, since Dagster's forms take the name of a member."""

    plan = "plan"
    apply = "apply"


_MODE = "plan: show what would be written and write nothing. apply: write it, as far as the flow's own mode allows."


class DrainForm(dg.Config):
    """One run of a live flow."""

    mode: RunMode = Field(default=RunMode.plan, description=_MODE)
    linger_seconds: float | None = Field(
        default=None,
        ge=0,
        le=3_600,
        description="How long the run waits for the next change once nothing is left; 0 ends it at once. "
        "Empty: flow.linger_seconds of csod_pipelines.yaml. A plan never lingers.",
    )
    max_runtime_seconds: float | None = Field(
        default=None,
        ge=1,
        le=7_200,
        description="After how long the run hands over to the next one. Empty: flow.max_runtime_seconds of csod_pipelines.yaml, "
        "which is also the most that counts.",
    )


class ImportForm(dg.Config):
    """The initial import."""

    mode: RunMode = Field(default=RunMode.plan, description=_MODE)
    portal: str = Field(
        default="",
        max_length=253,
        description="Only to apply: the name of the Cornerstone portal, such as acme of acme.csod.com (sandbox for the sandbox), "
        "to confirm that this is the one meant.",
    )


class ReconcileForm(dg.Config):
    """A daily comparison of both sides."""

    mode: RunMode = Field(default=RunMode.plan, description=_MODE)


class BackfillForm(dg.Config):
    """Months of historical enrollments."""

    mode: RunMode = Field(default=RunMode.plan, description=_MODE)


class ObserveForm(dg.Config):
    """A look at both systems' change feeds."""

    force: bool = Field(default=False, description="Look at every feed now, also at those that are not due yet.")


class TraceForm(dg.Config):
    """Which record to tell the story of. Run config is shown to everybody: ids only, no names and no addresses."""

    kind: str = Field(
        description="What it is, in either vendor's words: learner, event, contact, account, course template, user, session ...",
        min_length=2,
        max_length=60,
    )
    id: str = Field(
        description="Its id or number there, such as 48928 or a global id. Never a name or an e-mail address.", min_length=1, max_length=300
    )

    @field_validator("id")
    @classmethod
    def _no_address(cls, value: str) -> str:
        if "@" in value:
            raise ValueError("an id is wanted, and this looks like an e-mail address; run config is stored and shown in clear")
        return value.strip()


class ReportForm(dg.Config):
    """How much a report shows."""

    limit: int = Field(default=100, ge=1, le=1_000, description="At most this many rows, the newest first.")
