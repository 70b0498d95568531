"""Events, sessions and the catalog."""

from __future__ import annotations

import pytest

from csod_pipelines_tests.contract.cornerstone_portal import (
    CATALOG,
    EVERYBODY,
    NOBODY,
    OBJECTS,
    Cornerstone,
    part,
)

CREATE = "/services/api/LO/Create"


def training(cornerstone: Cornerstone, id: str) -> dict:
    return cornerstone.get(f"{OBJECTS}/training_core", **{"$filter": f"object_id eq {id}"})["value"][0]


def reason(row: dict) -> str:
    assert row["Result"] == "Failed", row
    return row["Reason"]


@pytest.mark.row("lo.create")
def test_a_learning_object_is_created(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's sample repositories, which post to this address. What comes back is inferred."""
    row = cornerstone.create_event()
    assert row["Result"] == "Success"
    assert training(cornerstone, row["LOID"])["lo_title"] == "Crane driving"


@pytest.mark.row("lo_wrapper")
def test_records_are_wrapped_in_data_and_record(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's sample repositories."""
    assert cornerstone.error("POST", CREATE, {"Type": "Event", "EventItem": {}})[0] == 400
    assert cornerstone.error("POST", CREATE, {"data": {"record": []}})[0] == 400


@pytest.mark.row("event_item")
def test_an_event_is_described_by_its_event_item(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's sample repositories, event.json."""
    item = {"Description": "With a hook", "OptionsActive": True, "AbilityToSelectSessions": "All", "Objectives": "Lift"}
    seen = cornerstone.details(cornerstone.create_event(item=item)["LOID"])["trainingItem"]
    assert (seen["Title"], seen["EventNumber"], seen["Provider"]) == ("Crane driving", "CT-1", "Red Cross")
    assert seen["Descr"] == "With a hook"


@pytest.mark.row("session_item")
def test_a_session_names_its_event_by_number_and_itself_by_ours(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's sample repositories, session.json."""
    event = cornerstone.create_event()["LOID"]
    session = cornerstone.create_session(MinimumRegistration=2, MaximumRegistration=5)["LOID"]
    row = training(cornerstone, session)
    assert (row["lo_root_id"], row["lo_ref"], row["lo_reg_min"], row["lo_reg_max"]) == (event, "OFF-1", 2, 5)
    assert "Invalid EventID" in reason(cornerstone.create_session("NONE"))


@pytest.mark.row("part_item")
def test_parts_carry_place_and_bare_times(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's sample repositories, session.json. Times have no offset and no zone."""
    cornerstone.create_event()
    seen = cornerstone.details(cornerstone.create_session(Parts=[part(1, PartOccurrence="ONCE")])["LOID"])["trainingItem"]["Parts"]
    assert [(row["PartName"], row["PartStartDate"], row["PartStartTime"]) for row in seen] == [("Day 1", "2026-07-15", "09:00:00 am")]
    assert "PartStartDateTime" in reason(cornerstone.create_session(Parts=[part(1, PartStartDateTime="2026-07-15T09:00:00Z")]))
    assert "PartLocation" in reason(cornerstone.create_session(Parts=[part(1, PartLocation="LOC-NONE")]))


@pytest.mark.row("part_name_chars")
def test_the_name_of_a_part_has_fifty_characters_at_most(cornerstone: Cornerstone) -> None:
    """Source: help page on session parts."""
    cornerstone.create_event()
    assert cornerstone.create_session(Parts=[part(1, PartName="n" * 50)])["Result"] == "Success"
    assert "50" in reason(cornerstone.create_session(Parts=[part(1, PartName="n" * 51)]))


@pytest.mark.row("lo_provider_by_name")
def test_a_provider_is_named_not_numbered(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's sample repositories."""
    assert "PrimaryProviderName" in reason(cornerstone.create_event(item={"PrimaryProviderName": "Nobody Ltd"}))


@pytest.mark.row("lo_subject_by_title")
def test_subjects_are_titles_not_numbers(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's sample repositories."""
    row = cornerstone.create_event(SubjectTitles=[{"Title": "Fire safety"}, {"Title": "Leadership"}])
    assert cornerstone.details(row["LOID"])["trainingItem"]["Subjects"] == ["Fire safety", "Leadership"]
    assert "subject" in reason(cornerstone.create_event("CT-2", SubjectTitles=[{"Title": "Alchemy"}]))


@pytest.mark.row("lo_event_defaults")
def test_seats_of_an_event_are_the_defaults_of_its_sessions(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's object list v19.02 (event max and min enrollment)."""
    cornerstone.create_event(item={"MinimumRegistration": 4, "MaximumRegistration": 9})
    row = training(cornerstone, cornerstone.create_session(MinimumRegistration=None, MaximumRegistration=None)["LOID"])
    assert (row["lo_reg_min"], row["lo_reg_max"]) == (4, 9)


@pytest.mark.row("lo_availability")
def test_an_object_is_shown_to_those_it_is_available_to(cornerstone: Cornerstone) -> None:
    """Source: csod.dev LO page, which prints this text. The refusal comes as a row inside a 200 (inferred)."""
    cornerstone.act("create_ou", name="Elsewhere", external_id="D-ELSE")
    elsewhere = EVERYBODY | {"Id": "D-ELSE", "SubType": "Division"}
    id = cornerstone.create_event(Availabilities=[elsewhere])["LOID"]
    assert reason(cornerstone.details(id, ActorID="E10001")) == "LO is not available to the user"
    seen = cornerstone.create_event("CT-2")["LOID"]
    assert cornerstone.details(seen, ActorID="E10001")["Result"] == "Success"


@pytest.mark.row("lo_bad_guid")
@pytest.mark.reads
def test_what_is_no_guid_is_refused_with_the_printed_text(cornerstone: Cornerstone) -> None:
    """Source: csod.dev LO page."""
    assert reason(cornerstone.details("not-a-guid")) == "Invalid object id Guid"


@pytest.mark.row("lo_actor_active")
def test_the_actor_must_be_an_active_user(cornerstone: Cornerstone) -> None:
    """Source: csod.dev LO page."""
    id = cornerstone.create_event()["LOID"]
    cornerstone.hire(workerStatus={"active": False})
    assert cornerstone.details(id, ActorID="NEW-1")["Result"] == "Failed"
    assert cornerstone.details(id, ActorID="nobody")["Result"] == "Failed"


def test_one_refused_record_leaves_the_others_of_its_call_alone(cornerstone: Cornerstone) -> None:
    """Source: two clients look at Result and Reason of each row (inferred)."""
    cornerstone.create_event()
    rows = [{"Type": "Session", "SessionItem": {"EventID": number, "SessionID": number, "Parts": [part(1)]}} for number in ("CT-1", "CT-9")]
    answer = cornerstone.call("POST", CREATE, {"data": {"record": rows}})
    assert [row["Result"] for row in answer.json()["data"]] == ["Success", "Failed"]


def test_an_event_lists_its_sessions_at_once(cornerstone: Cornerstone) -> None:
    """Source: a client's class, whose comments read like Cornerstone's field list (inferred)."""
    event = cornerstone.create_event()["LOID"]
    session = cornerstone.create_session()["LOID"]
    (row,) = cornerstone.details(event)["trainingItem"]["Sessions"]
    assert (row["SessionLOID"], row["SessionSeats"], row["SessionStartTime"]) == (session, 3, "09:00:00 am")


def test_times_keep_their_wall_clock_across_a_change_of_the_clocks(cornerstone: Cornerstone) -> None:
    """Source: csod.dev prints local date and time with the zone's abbreviation; the zone of the place is a guess."""
    days = [
        part(number, PartName=day, PartStartDateTime=f"2026-10-{day}T09:00:00", PartEndDateTime=f"2026-10-{day}T17:00:00")
        for number, day in ((1, "24"), (2, "26"))
    ]
    cornerstone.create_event()
    rows = cornerstone.details(cornerstone.create_session(Parts=days)["LOID"])["trainingItem"]["Parts"]
    assert [(row["PartStartTime"], row["PartTimeZone"]) for row in rows] == [("09:00:00 am", "CEST"), ("09:00:00 am", "CET")]


def test_a_session_is_changed_in_place_and_keeps_what_is_left_out(cornerstone: Cornerstone) -> None:
    """Source: csod.dev LO page says that sessions can be updated; address, verb and keys are inferred."""
    id = cornerstone.session()
    record = {"Type": "Session", "SessionItem": {"LoID": id, "MaximumRegistration": 9}}
    answer = cornerstone.call("POST", "/services/api/LO/Update", {"data": {"record": [record]}})
    assert answer.json()["data"][0]["Result"] == "Success"
    row = training(cornerstone, id)
    assert (row["lo_reg_max"], row["lo_reg_min"], row["lo_ref"]) == (9, 1, "OFF-1")


# ---- the catalog


@pytest.mark.row("catalog_ignores_availability")
def test_the_catalog_shows_what_nobody_may_see(cornerstone: Cornerstone) -> None:
    """Source: csod.dev catalog page. It runs with the highest rights."""
    id = cornerstone.create_event(Availabilities=[])["LOID"]
    assert cornerstone.details(id, ActorID="E10001")["Result"] == "Failed"
    assert [row["ObjectId"] for row in cornerstone.get(CATALOG, Title="Crane driving")["data"]] == [id]


@pytest.mark.row("catalog_parameters_combine")
@pytest.mark.reads
def test_parameters_of_the_catalog_narrow_each_other(cornerstone: Cornerstone) -> None:
    """Source: csod.dev catalog page. Without any, everything is returned."""
    everything = cornerstone.get(CATALOG)["totalRecords"]
    events = cornerstone.get(CATALOG, TrainingType="Event")
    one = events["data"][0]
    both = cornerstone.get(CATALOG, TrainingType="Event", Title=one["Title"], Provider=one["Provider"])
    assert everything > events["totalRecords"] >= both["totalRecords"] >= 1


@pytest.mark.row("catalog_one_at_a_time")
def test_the_catalog_takes_one_call_at_a_time(cornerstone: Cornerstone) -> None:
    """Source: csod.dev catalog page. What a second call is answered is not printed; it is no success."""
    cornerstone.configure(catalog_busy_seconds=30)
    assert cornerstone.call("GET", CATALOG).status_code == 200
    assert cornerstone.call("GET", CATALOG).status_code >= 400
    cornerstone.advance(seconds=31)
    assert cornerstone.call("GET", CATALOG).status_code == 200


def test_an_object_that_never_was_is_told_like_a_bad_guid(cornerstone: Cornerstone) -> None:
    """Source: none; the house expects a failed row, never an empty success."""
    assert cornerstone.details(NOBODY)["Result"] == "Failed"
