"""What changed at Administrate, and whole scans, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.records import OrgUnit, Person
from csod_pipelines.systems.administrate import AdministrateSystem
from csod_pipelines.systems.base import Draft, Hint
from csod_pipelines.systems.errors import Malformed, Unsupported
from csod_pipelines_tests.systems.vendor import Vendor


def told(system: AdministrateSystem, kind: Kind, cursor: str) -> tuple[list[Hint], str]:
    hints: list[Hint] = []
    for _ in range(50):
        page = system.changes(kind, cursor)
        hints += page.hints
        cursor = page.cursor
        if not page.more:
            return hints, cursor
    raise AssertionError("the feed never ends")


@pytest.fixture
def started(a_system: AdministrateSystem) -> Iterator[dict[Kind, str]]:
    kinds = (Kind.ORG_UNIT, Kind.PERSON, Kind.COURSE, Kind.OFFERING, Kind.ENROLLMENT)
    yield {kind: a_system.changes(kind, None).cursor for kind in kinds}


def test_a_feed_starts_from_now_without_hints(a_system: AdministrateSystem) -> None:
    page = a_system.changes(Kind.ORG_UNIT, None)
    assert page.hints == () and not page.more and "since" in json.loads(page.cursor)


def test_what_changes_is_told_with_the_event_of_a_learner(a_system: AdministrateSystem, a_vendor: Vendor, started: dict[Kind, str]) -> None:
    home = a_vendor.act("create_account", name="Home")["id"]
    contact = a_vendor.act("create_contact", account_id=home, first_name="A", last_name="B", email_address="a@example.org")["id"]
    template = a_vendor.act("create_template", code="X-1", title="X")["id"]
    a_vendor.act("publish_template", id=template)
    event = a_vendor.act(
        "create_event", course_template_id=template, title="X", time_zone_name="UTC", sessions=[], learning_mode="lms", publish=True
    )["id"]
    learner = a_vendor.act("register", event_id=event, contact_id=contact)["id"]
    wanted = {Kind.ORG_UNIT: home, Kind.PERSON: contact, Kind.COURSE: template, Kind.OFFERING: event, Kind.ENROLLMENT: learner}
    for kind, id in wanted.items():
        hints, _ = told(a_system, kind, started[kind])
        assert id in [hint.key.id for hint in hints], kind
    (hint,) = [hint for hint in told(a_system, Kind.ENROLLMENT, started[Kind.ENROLLMENT])[0] if hint.key.id == learner]
    assert hint.offering_id == event


def test_a_row_that_was_told_is_not_told_again_within_the_overlap(
    a_system: AdministrateSystem, a_vendor: Vendor, started: dict[Kind, str]
) -> None:
    template = a_vendor.act("create_template", code="X-1", title="X")["id"]
    a_vendor.advance(5)
    a_system.ping()  # hears the vendor's new time
    hints, cursor = told(a_system, Kind.COURSE, started[Kind.COURSE])
    assert template in [hint.key.id for hint in hints]
    a_vendor.advance(5)
    hints, cursor = told(a_system, Kind.COURSE, cursor)
    assert template not in [hint.key.id for hint in hints]
    a_vendor.act("edit_template", id=template, title="Y")
    hints, _ = told(a_system, Kind.COURSE, cursor)
    assert template in [hint.key.id for hint in hints]


def test_a_burst_beyond_one_page_is_told_whole_by_halving_the_window(
    a_system: AdministrateSystem, a_vendor: Vendor, started: dict[Kind, str]
) -> None:
    home = a_vendor.act("create_account", name="Home")["id"]
    ids: set[str] = set()
    for batch in range(4):
        drafts = [
            Draft(kind=Kind.PERSON, value=Person(first_name="P", last_name=f"N{batch}-{n}", org_unit_id=home), marker="") for n in range(90)
        ]
        ids |= {answer.id for answer in a_system.create_many(drafts)}  # type: ignore[union-attr]
        a_vendor.advance(3)
    hints, _ = told(a_system, Kind.PERSON, started[Kind.PERSON])
    assert ids <= {hint.key.id for hint in hints}


def test_more_rows_than_a_page_within_one_second_are_told_whole(
    a_system: AdministrateSystem, a_vendor: Vendor, started: dict[Kind, str]
) -> None:
    a_vendor.advance(3)
    drafts = [Draft(kind=Kind.ORG_UNIT, value=OrgUnit(name=f"A{n}"), marker="") for n in range(260)]
    ids = {answer.id for answer in a_system.create_many(drafts)}  # type: ignore[union-attr]
    hints, _ = told(a_system, Kind.ORG_UNIT, started[Kind.ORG_UNIT])
    assert ids <= {hint.key.id for hint in hints}


def test_a_scan_yields_every_record_once_and_says_when_it_is_complete(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    drafts = [Draft(kind=Kind.ORG_UNIT, value=OrgUnit(name=f"A{n}"), marker="") for n in range(230)]
    a_system.create_many(drafts)
    pages = list(a_system.scan(Kind.ORG_UNIT))
    ids = [record.id for page in pages for record in page.records]
    assert len(ids) == len(set(ids)) == len(a_vendor.state("accounts"))
    assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]


def test_kinds_without_a_stamp_and_foreign_cursors_are_refused_clearly(a_system: AdministrateSystem) -> None:
    with pytest.raises(Unsupported):
        a_system.changes(Kind.LOCATION, None)
    with pytest.raises(Malformed):
        a_system.changes(Kind.PERSON, "not a cursor")
