"""What changed at Cornerstone, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from csod_pipelines.model.keys import Kind
from csod_pipelines.systems import cornerstone
from csod_pipelines.systems.base import Hint
from csod_pipelines.systems.cornerstone import CornerstoneOptions, CornerstoneSystem
from csod_pipelines.systems.cornerstone.exporter import Batch, Exporter
from csod_pipelines.systems.errors import Refused, Unsupported
from csod_pipelines_tests.systems.vendor import Vendor


def told(system: CornerstoneSystem, kind: Kind, cursor: str | None) -> tuple[list[Hint], str]:
    hints: list[Hint] = []
    for _ in range(500):
        page = system.changes(kind, cursor)
        hints += page.hints
        cursor = page.cursor
        if not page.more:
            return hints, cursor
    raise AssertionError("the feed never ends")


def future_session(vendor: Vendor) -> str:
    return next(row["id"] for row in vendor.state("sessions") if row["starts_at"] > row["updated_at"] and row["active"])


@pytest.fixture(params=["delta", "windows", "small pages"])
def system(request: pytest.FixtureRequest, c_options: CornerstoneOptions) -> CornerstoneSystem:
    if request.param == "small pages":
        return cornerstone.open(replace(c_options, export_page_size=7))
    contract = cornerstone.open(c_options).contract
    if request.param == "windows":
        contract = contract.with_values({"data_exporter_delta": False})
    return cornerstone.open(c_options, contract=contract)


def test_the_first_call_tells_nothing_and_later_ones_what_changed(system: CornerstoneSystem, c_vendor: Vendor) -> None:
    hints, people = told(system, Kind.PERSON, None)
    assert hints == []
    _, ous = told(system, Kind.ORG_UNIT, None)
    c_vendor.advance(1)
    ou = c_vendor.act("create_ou", type_id=2, name="New", external_id="D-NEW")["id"]
    user = c_vendor.act("hire", external_id="E-9", user_name="e9", first_name="A", last_name="B", ous=[{"id": ou, "type_id": 2}])["id"]
    hints, people = told(system, Kind.PERSON, people)
    assert str(user) in {hint.key.id for hint in hints}
    hints, ous = told(system, Kind.ORG_UNIT, ous)
    assert str(ou) in {hint.key.id for hint in hints}
    c_vendor.act("rename_ou", id=ou, name="Newer")
    hints, _ = told(system, Kind.ORG_UNIT, ous)
    assert str(ou) in {hint.key.id for hint in hints}


def test_a_self_registration_is_told_with_its_session(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    _, cursor = told(c_system, Kind.ENROLLMENT, None)
    session = future_session(c_vendor)
    taken = {row["user_id"] for row in c_vendor.state("transcripts") if row["object_id"] == session}
    user = next(row["id"] for row in c_vendor.state("users") if row["active"] and row["id"] not in taken and row["id"] > 1001)
    c_vendor.act("self_register", user_id=user, session_id=session)
    hints, cursor = told(c_system, Kind.ENROLLMENT, cursor)
    (hint,) = [hint for hint in hints if hint.offering_id == session]
    assert hint.key.id == f"{user}:{session}:1" and not hint.deleted
    c_vendor.act("withdraw", user_id=user, session_id=session)
    hints, _ = told(c_system, Kind.ENROLLMENT, cursor)
    assert f"{user}:{session}:1" in {hint.key.id for hint in hints}


def test_a_lost_delta_token_turns_into_a_full_read_that_tells_everything(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    _, cursor = told(c_system, Kind.ORG_UNIT, None)
    c_vendor.fault("status", path="*/objects/ou_core", status=410, times=1)
    hints, after = told(c_system, Kind.ORG_UNIT, cursor)
    assert {hint.key.id for hint in hints} == {str(row["id"]) for row in c_vendor.state("ous") if row["type_id"] == 2}
    assert told(c_system, Kind.ORG_UNIT, after)[0] == []


@pytest.mark.parametrize("tracked", [True, False])
def test_a_read_that_was_broken_off_begins_anew_once_its_page_link_has_died(
    c_options: CornerstoneOptions, c_vendor: Vendor, monkeypatch: pytest.MonkeyPatch, tracked: bool
) -> None:
    """The dead link stayed in the cursor, and the feed was stuck for good."""
    small = replace(c_options, export_page_size=20 if tracked else 2)
    contract = cornerstone.open(small).contract.with_values({"data_exporter_delta": tracked})
    system = cornerstone.open(small, contract=contract)
    cursor: str | None = None
    if not tracked:
        cursor = system.changes(Kind.PERSON, None).cursor
        c_vendor.advance(1)
        for user in c_vendor.state("users")[:5]:
            c_vendor.act("edit_user", id=user["id"], mobile_phone="+1 555 1")
    broken_off = system.changes(Kind.PERSON, cursor)
    assert broken_off.more
    whole, alive = Exporter.follow, set[str]()

    def first(self: Exporter, name: str, *, track: bool = False, query: Mapping[str, str] | None = None) -> Batch:
        alive.add(name)  # its links are new from here on
        return begin(self, name, track=track, query=query)

    def dead(self: Exporter, name: str, link: str, *, delta: bool = False) -> Batch:
        if name not in alive:
            raise Refused(f"cornerstone {name}: the page token has expired", status=400)
        return whole(self, name, link, delta=delta)

    begin = Exporter.first
    monkeypatch.setattr(Exporter, "first", first)
    monkeypatch.setattr(Exporter, "follow", dead)
    with pytest.raises(Refused, match="expired"):
        system.changes(Kind.PERSON, broken_off.cursor)  # so young a link was refused for something else
    c_vendor.advance(360)
    system.ping()
    hints, _ = told(system, Kind.PERSON, broken_off.cursor)
    assert (len({hint.key.id for hint in hints}) >= 5) is not tracked  # the rows of a first full read are not told


def test_kinds_without_a_feed_are_refused(c_system: CornerstoneSystem) -> None:
    with pytest.raises(Unsupported):
        c_system.changes(Kind.COURSE, None)


def test_transcript_rows_are_scanned_with_the_portals_own_status_words(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    rows = {record.id: record for page in c_system.scan(Kind.ENROLLMENT) for record in page.records}
    some = next(
        row
        for row in c_vendor.state("transcripts")
        if row["object_type"] == "Session" and row["status"] == "Completed" and not row["archived"]
    )
    record = rows[f"{some['user_id']}:{some['object_id']}:{some['registration_number']}"]
    assert record.facts["status"] == "Completed" and record.value.result is True  # type: ignore[union-attr]


def test_rows_of_a_month_are_those_registered_in_it(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    start, end = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
    found = {record.id for page in c_system.enrollments_between(start, end) for record in page.records}
    rows = [row for row in c_vendor.state("transcripts") if (row["registered_at"] or "").startswith("2026-09")]
    assert rows and {f"{row['user_id']}:{row['object_id']}:{row['registration_number']}" for row in rows} <= found
