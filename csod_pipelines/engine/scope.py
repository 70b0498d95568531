"""Which records may be created on the other side, and which left the scope. A reason code where one may not, else None."""

from __future__ import annotations

from csod_pipelines.engine.context import Context
from csod_pipelines.engine.options import EngineOptions
from csod_pipelines.model.records import Course, CourseState, Offering, OfferingState, OrgUnit, Person, Provider, Record
from csod_pipelines.store import links
from csod_pipelines.store.links import Link


def why_not_created(ctx: Context, record: Record) -> str | None:
    """The settings' scope, the day from which the catalogue is live, then the record's own state."""
    too_old = None if ctx.needed else ctx.filters.why_too_old(record)
    return ctx.filters.why_outside(record) or why_not(ctx.options, record) or too_old


def left_scope(ctx: Context, link: Link, owner: Record) -> str | None:
    """A linked record that the settings now leave out is left as it is, on both sides. The link remembers it, so that nothing
    else is done in its name; it goes on where it was when the record comes back."""
    outside = ctx.filters.why_outside(owner)
    if not ctx.dry and bool(link.facts.get("outside")) != (outside is not None):
        with ctx.database.begin() as conn:
            links.set_facts(conn, link.id, {"outside": outside})
    return outside


def why_not(options: EngineOptions, record: Record) -> str | None:
    value = record.value
    if isinstance(value, OrgUnit):
        if record.facts.get("is_individual"):
            return "individual_account"
        if record.facts.get("out_of_scope"):
            return "ou_type_out_of_scope"
        return None if value.active else "inactive_not_created"
    if isinstance(value, Person | Provider):
        return None if value.active else "inactive_not_created"
    if isinstance(value, Course):
        return None if value.state is CourseState.PUBLISHED else "not_published"
    if isinstance(value, Offering):
        if value.state is OfferingState.CANCELLED:
            return "cancelled_before_sync"
        if value.state is OfferingState.DRAFT:
            return "not_published"
        return None if value.parts else "no_sessions_yet"
    return None
