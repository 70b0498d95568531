"""Course templates, events and their sessions, from Administrate to Cornerstone."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from csod_pipelines.model.keys import Kind
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet
from csod_pipelines_tests.acceptance.scenarios.stage import PORTAL, Event, Stage


def template(stage: Stage, code: str, **more: Any) -> dict[str, Any]:
    return stage.administrate.act("create_template", **({"code": code, "title": f"Course {code}", "introduction": "What it is"} | more))


def course(stage: Stage, code: str) -> dict[str, Any]:
    return stage.cornerstone.row("events", event_number=code)


def starts(event: Event) -> list[str]:
    return sorted(part["start"] for part in event.session["parts"])


def planned(event: Event) -> list[str]:
    return [row["start"] for row in event.sessions if row["lifecycle_state"] != "cancelled"]


def test_a_published_template_becomes_an_event_and_a_draft_does_not(stage: Stage) -> None:
    category = next(row for row in stage.administrate.rows("learning_categories") if row["name"] == "Fire safety")
    made = template(stage, "PUB-1", learning_category_ids=[category["id"]], custom_fields={"training_provider": "Red Cross"})
    stage.settle()
    assert stage.cornerstone.rows("events", event_number="PUB-1") == []
    stage.administrate.act("publish_template", id=made["id"])
    stage.settle()
    held = course(stage, "PUB-1")
    assert (held["subjects"], held["provider"], held["languages"]) == (["Fire safety"], "Red Cross", ["en-US"])
    assert stage.administrate.row("course_templates", id=made["id"])["external_ids"][f"{PORTAL}:event_lo"] == held["id"]
    quiet(stage)


def test_a_template_edited_later_is_a_to_do_that_closes_itself(stage: Stage) -> None:
    made = template(stage, "EDITED-1")
    stage.administrate.act("publish_template", id=made["id"])
    stage.settle()
    stage.administrate.act("edit_template", id=made["id"], title="A better title")
    stage.settle()
    assert course(stage, "EDITED-1")["title"] == "Course EDITED-1", "Cornerstone has no call that changes an event"
    (todo,) = [row for row in stage.operations(outcome="partial") if course(stage, "EDITED-1")["id"] in row["cornerstone"]]
    assert "A better title" in todo["reason"]
    quiet(stage, differ=["template EDITED-1: title"])
    assert len([row for row in stage.operations(outcome="partial") if course(stage, "EDITED-1")["id"] in row["cornerstone"]]) == 1
    stage.cornerstone.act("edit_event", id=course(stage, "EDITED-1")["id"], title="A better title")
    stage.settle()
    stage.reconcile(Kind.COURSE)
    assert [row for row in stage.operations(outcome="partial") if course(stage, "EDITED-1")["id"] in row["cornerstone"]] == []
    quiet(stage)


def test_two_templates_with_one_code_are_parked_and_not_mixed(stage: Stage) -> None:
    first, second = template(stage, "DUP-1"), template(stage, "DUP-1", title="Another course")
    for each in (first, second):
        stage.administrate.act("publish_template", id=each["id"])
    stage.settle()
    assert len(stage.cornerstone.rows("events", event_number="DUP-1")) == 1
    quiet(stage, differ=["template DUP-1 is published and has no event"], parked=["same key"])


def test_an_event_travels_with_its_sessions_places_and_numbers(stage: Stage) -> None:
    event = stage.event(parts=3, places=7)
    stage.settle()
    session = event.session
    assert (session["minimum_registration"], session["maximum_registration"], len(session["parts"])) == (1, 7, 3)
    assert starts(event) == planned(event)
    assert [part["name"] for part in session["parts"]] == ["Day 1", "Day 2", "Day 3"]
    quiet(stage)


def test_a_draft_event_waits_until_it_is_published(stage: Stage) -> None:
    event = stage.event(publish=False)
    stage.settle()
    assert stage.cornerstone.rows("sessions", session_id=f"ADM-{event.row['legacy_id']}") == []
    stage.administrate.act("publish_event", id=event.id)
    stage.settle()
    assert event.session["maximum_registration"] == 12
    quiet(stage)


def test_places_titles_and_times_that_change_are_changed_there(stage: Stage) -> None:
    event, person = stage.event(parts=2, places=5), stage.person()
    event.register(person)
    stage.settle()
    moved = event.sessions[1]
    later = datetime.fromisoformat(moved["start"]).astimezone(ZoneInfo("Europe/Paris")).replace(tzinfo=None) + timedelta(days=3)
    stage.administrate.act(
        "move_session", id=moved["id"], title="Moved", start=later.isoformat(), end=(later + timedelta(hours=2)).isoformat()
    )
    stage.administrate.act("edit_event", id=event.id, max_places=9, min_places=2)
    stage.settle()
    session = event.session
    assert (session["minimum_registration"], session["maximum_registration"]) == (2, 9)
    assert starts(event) == planned(event)
    assert "Moved" in [part["name"] for part in session["parts"]]
    assert event.status(person) == "Registered", "a moved session keeps its people"
    quiet(stage)


def test_a_read_refused_inside_a_200_for_no_known_reason_is_tried_again_and_is_no_fault_of_ours(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """It was told as one, with its trace, and parked the unit at the third time (simulation, seed 118)."""
    event = stage.event(parts=1)
    stage.settle()
    stage.cornerstone.fault("result_failed_in_200", match={"operation": "lo.details"})
    stage.administrate.act("edit_event", id=event.id, max_places=7)
    stage.settle()
    assert event.session["maximum_registration"] == 7
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    quiet(stage)


def test_a_change_that_was_written_and_could_not_be_read_back_was_not_left_unsent(stage: Stage) -> None:
    """The vendor went down between the two: the ledger said that nothing had been sent."""
    event = stage.event(places=12)
    stage.settle()
    stage.administrate.act("edit_event", id=event.id, max_places=7)
    stage.cornerstone.clear_faults()
    stage.cornerstone.fault("slow", match={"operation": "lo.update"}, seconds=3)
    worker = threading.Thread(target=stage.work)
    worker.start()
    while not stage.cornerstone.faults()[0]["used"]:
        worker.join(0.05)
    stage.cornerstone.fault("reset", match={"operation": "lo.details"}, times=9)
    worker.join()
    assert (event.session["maximum_registration"], stage.operations(what="updated: Cornerstone session")[0]["outcome"]) == (7, "unknown")
    stage.cornerstone.clear_faults()
    stage.settle()
    assert stage.operations(what="updated: Cornerstone session")[0]["outcome"] == "success"
    quiet(stage)


def test_a_template_before_its_audience_could_be_read_is_created_afterwards(stage: Stage) -> None:
    """A read within a creation that answered nonsense was remembered as the refusal of the creation (simulation, seed 293)."""
    made = template(stage, "NONSENSE-1")
    stage.cornerstone.clear_faults()
    stage.cornerstone.fault("malformed", match={"operation": "ous.list"})
    stage.administrate.act("publish_template", id=made["id"])
    stage.work(stage.another_house())  # this one has looked for the audience before
    assert stage.cornerstone.faults()[0]["used"]
    stage.settle()
    assert course(stage, "NONSENSE-1")["active"]
    quiet(stage)


def test_a_session_is_added_and_another_taken_away(stage: Stage) -> None:
    event = stage.event(parts=2)
    stage.settle()
    before = {part["start"]: part["id"] for part in event.session["parts"]}
    stage.administrate.act("add_session", event_id=event.id, publish=True, **stage.day(5))
    stage.administrate.act("delete_session", id=event.sessions[0]["id"])
    stage.reconcile(Kind.OFFERING)  # sessions carry no stamp: without a webhook only a comparison tells
    stage.settle()
    assert starts(event) == planned(event)
    kept = [part for part in event.session["parts"] if part["start"] in before]
    assert [part["id"] for part in kept] == [before[part["start"]] for part in kept], "the part that stayed is the same part"
    quiet(stage)


def test_a_cancelled_session_of_an_event_is_a_part_that_is_gone(stage: Stage) -> None:
    event = stage.event(parts=2)
    stage.settle()
    stage.administrate.act("cancel_session", id=event.sessions[1]["id"])
    stage.reconcile(Kind.OFFERING)  # sessions carry no stamp: without a webhook only a comparison tells
    stage.settle()
    assert starts(event) == planned(event)
    assert len(event.session["parts"]) == 1
    quiet(stage)


def test_a_session_that_takes_the_part_of_a_cancelled_one_cannot_have_its_id_and_is_not_asked_about_it_for_ever(stage: Stage) -> None:
    days = [stage.day(number) for number in range(2)]
    event = stage.event(sessions=days)
    stage.settle()
    stage.administrate.act("cancel_session", id=event.sessions[1]["id"])
    stage.administrate.act("add_session", event_id=event.id, publish=True, **days[1])
    stage.reconcile(Kind.OFFERING)
    stage.settle()
    assert starts(event) == planned(event)
    stage.reconcile(Kind.OFFERING)
    refused = [row for row in stage.operations(outcome="failure") if "as its external id" in row["reason"]]
    assert len(refused) == 1, refused
    quiet(stage)


def test_each_session_holds_the_id_of_its_part_also_of_one_that_is_added(stage: Stage) -> None:
    event = stage.event(parts=2)
    stage.settle()
    stage.administrate.act("add_session", event_id=event.id, publish=True, **stage.day(5, title="Added"))
    stage.reconcile(Kind.OFFERING)
    stage.settle()
    stored = {row["title"]: row["external_ids"].get(f"{PORTAL}:part") for row in event.sessions}
    assert stored == {part["name"]: str(part["id"]) for part in event.session["parts"]}
    quiet(stage)


def test_a_session_that_was_found_after_a_lost_answer_gives_its_part_ids_at_once_and_not_at_the_next_reconciliation(stage: Stage) -> None:
    stage.cornerstone.fault("status", match={"operation": "lo.create"}, status=503, after_effect=True)
    event = stage.event(parts=2)
    stage.settle()
    stored = {row["external_ids"][f"{PORTAL}:part"] for row in event.sessions}
    assert stored == {str(part["id"]) for part in event.session["parts"]}
    quiet(stage)


def test_two_sessions_of_one_title_are_two_parts(stage: Stage) -> None:
    event = stage.event(sessions=[stage.day(0, title="Day"), stage.day(1, title="Day")])
    stage.settle()
    assert sorted(part["name"] for part in event.session["parts"]) == ["Day", "Day (2)"]
    quiet(stage)


def test_the_place_of_an_event_is_the_place_of_its_parts(stage: Stage) -> None:
    tokyo = next(row for row in stage.administrate.rows("locations") if row["name"] == "東京")
    event = stage.event(location_id=tokyo["id"], time_zone_name="Asia/Tokyo")
    stage.settle()
    ou = stage.cornerstone.row("ous", name="東京", type_id=32)
    assert {part["location_ref"] for part in event.session["parts"]} == {ou["external_id"]}
    assert starts(event) == planned(event)
    quiet(stage)


def test_a_minimum_that_went_down_with_the_seats_comes_back_with_them(stage: Stage) -> None:
    event = stage.event(places=2)
    stage.settle()
    for held, shown in ((2, (0, 0)), (1, (1, 1))):
        stage.administrate.act("reserve_places", id=event.id, quantity=held)
        stage.reconcile(Kind.OFFERING)
        stage.settle()
        assert (event.session["minimum_registration"], event.session["maximum_registration"]) == shown
    quiet(stage)


def test_a_cancelled_event_withdraws_everybody_and_closes_its_seats(stage: Stage) -> None:
    event, people = stage.event(), [stage.person() for _ in range(3)]
    for person in people:
        event.register(person)
    stage.settle()
    stage.administrate.act("cancel_event", id=event.id)
    stage.settle()
    assert {event.status(person) for person in people} == {"Withdrawn"}
    assert event.session["maximum_registration"] == 0
    assert any("cancel" in row["what_to_do"].lower() for row in stage.operations(outcome="partial"))
    assert [row["cornerstone"] for row in stage.to_dos()] == [f"session {event.session['id']}"]
    quiet(stage)
    stage.cornerstone.act("cancel_session", session_id=event.session["id"])
    stage.reconcile(Kind.OFFERING)
    assert stage.to_dos() == [], "somebody did it on the screen"
    quiet(stage)


def test_an_event_cancelled_while_somebody_registers_in_cornerstone(stage: Stage) -> None:
    """Ended on one side while it was edited on the other."""
    event, person = stage.event(), stage.person()
    stage.settle()
    stage.administrate.act("cancel_event", id=event.id)
    event.on_cornerstone("self_register", person)
    stage.settle()
    assert event.status(person) == "Withdrawn"
    assert [row for row in event.learners(person) if row["lifecycle_state"] == "active"] == []
    quiet(stage)


def test_a_deleted_event_closes_its_seats(stage: Stage) -> None:
    event = stage.event()
    stage.settle()
    session = event.session["id"]
    stage.administrate.act("delete_event", id=event.id)
    stage.reconcile()  # nothing but a complete scan, or a webhook, tells of a deletion
    stage.settle()
    assert stage.cornerstone.row("sessions", id=session)["maximum_registration"] == 0
    quiet(stage)
    assert f"session {session}" in {row["cornerstone"] for row in stage.to_dos()}
    stage.cornerstone.act("cancel_session", session_id=session)
    stage.reconcile(Kind.OFFERING)
    assert f"session {session}" not in {row["cornerstone"] for row in stage.to_dos()}, "the session is cancelled: nothing is left to do"
    quiet(stage)


def test_an_event_cancelled_before_anybody_saw_it_never_reaches_cornerstone(stage: Stage) -> None:
    event = stage.event()
    stage.administrate.act("cancel_event", id=event.id)
    stage.settle()
    assert stage.cornerstone.rows("sessions", session_id=f"ADM-{event.row['legacy_id']}") == []
    quiet(stage)


def test_a_template_archived_with_open_events_leaves_them_open(stage: Stage) -> None:
    made = template(stage, "ARC-1")
    stage.administrate.act("publish_template", id=made["id"])
    event, person = stage.event(template="ARC-1"), stage.person()
    event.register(person)
    stage.settle()
    stage.administrate.act("archive_template", id=made["id"])
    stage.settle()
    assert event.status(person) == "Registered"
    assert course(stage, "ARC-1")["active"]
    stage.administrate.act("edit_event", id=event.id, max_places=3)
    stage.settle()
    assert event.session["maximum_registration"] == 3, "its events are still kept in step"
    quiet(stage)


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York"])
def test_the_clocks_change_between_creation_and_the_session(stage: Stage, zone: str) -> None:
    """Wall times are meant: nine in the morning stays nine in the morning, half a year later."""
    now = stage.clock.utcnow().astimezone(ZoneInfo(zone))
    other = next(
        day
        for day in (now + timedelta(days=n) for n in range(30, 300))
        if day.replace(hour=9).utcoffset() != now.replace(hour=9).utcoffset()
    )
    wall = other.replace(hour=9, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=2)
    sessions = [{"title": "After the change", "start": wall.isoformat(), "end": (wall + timedelta(hours=1)).isoformat()}]
    place = {"Europe/Paris": "Paris", "America/New_York": "New York"}[zone]
    location = next(row for row in stage.administrate.rows("locations") if row["name"] == place)
    event = stage.event(sessions=sessions, time_zone_name=zone, location_id=location["id"])
    stage.settle()
    (start,) = starts(event)
    assert datetime.fromisoformat(start).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall
    quiet(stage)


def test_an_instructor_of_the_event_teaches_its_parts(stage: Stage) -> None:
    event = stage.event()
    stage.settle()
    instructor = next(row for row in stage.administrate.rows("contacts") if row["is_instructor"])
    stage.administrate.act("add_instructor", event_id=event.id, contact_id=instructor["id"])
    stage.settle()
    quiet(stage)


def test_an_edit_of_the_session_in_cornerstone_is_undone_by_reconciliation(stage: Stage) -> None:
    event = stage.event(places=8)
    stage.settle()
    stage.cornerstone.act("edit_session", session_id=event.session["id"], maximum_registration=99)
    stage.settle()
    stage.reconcile()
    assert event.session["maximum_registration"] == 8
    quiet(stage)


def test_a_course_whose_first_creation_arrived_unseen_is_found_once_the_exporter_shows_it(stage: Stage) -> None:
    """The answer was lost and the exporter lags, so the creation is sent again and refused: the number is taken, by our own record."""
    stage.cornerstone.configure(exporter_lag_seconds=120)
    made = template(stage, "LATE-1")
    stage.cornerstone.fault("truncated_200", match={"operation": "lo.create"})
    stage.administrate.act("publish_template", id=made["id"])
    stage.settle()
    stage.cornerstone.clear_faults()
    stage.cornerstone.configure(exporter_lag_seconds=0)
    assert stage.administrate.row("course_templates", id=made["id"])["external_ids"]
    assert len(stage.cornerstone.rows("events", event_number="LATE-1")) == 1
    quiet(stage)
