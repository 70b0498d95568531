"""How fast an import is, held against the vendor's limit, and how long it still takes."""

from __future__ import annotations

from dataclasses import dataclass

from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where an import of one kind is. ``left`` and ``seconds_left`` are None where nobody counted the records beforehand."""

    done: int
    left: int | None
    per_second: float
    limit_per_second: float
    seconds_left: float | None

    @property
    def share(self) -> float:
        return self.per_second / self.limit_per_second

    def in_words(self) -> str:
        left = f", {self.left:,} left" if self.left is not None else ""
        eta = f", about {_duration(self.seconds_left)} to go" if self.seconds_left is not None else ""
        return f"{self.done:,} done{left}; {self.per_second:,.0f}/s of {self.limit_per_second:,.0f}/s allowed ({self.share:.0%}){eta}"

    def as_metadata(self) -> dict[str, int | float]:
        known = {"left": self.left, "seconds_left": self.seconds_left}
        return {
            "done_so_far": self.done,
            "records_per_second": round(self.per_second, 1),
            "limit_per_second": round(self.limit_per_second, 1),
            "share_of_limit": round(self.share, 3),
            **{name: round(value) for name, value in known.items() if value is not None},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """``records``: how many a plan counted. ``limit_per_second``: records a second if nothing but the limit held us back."""

    started: float
    records: int | None
    limit_per_second: float

    def at(self, now: float, totals: Totals) -> Stand:
        done = sum(totals.dispositions.values())
        rate = done / max(now - self.started, 0.001)
        left = max(self.records - done, 0) if self.records is not None else None
        return Stand(
            done=done,
            left=left,
            per_second=rate,
            limit_per_second=self.limit_per_second,
            seconds_left=left / rate if left is not None and rate else None,
        )


def limit_of(kind: Kind, *, per_second: float, batch: int) -> float:
    """Contacts take a request a batch, accounts two (their ids need one of their own), all others one a record."""
    return per_second * {Kind.PERSON: batch, Kind.ORG_UNIT: batch / 2}.get(kind, 1)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
