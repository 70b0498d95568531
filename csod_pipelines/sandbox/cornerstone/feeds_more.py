"""Objects and views beside the main ones: custom fields, texts by language, types, parts of sessions.

Their names are printed (Data Exporter objects v19.02, reporting guide); of their columns only those of the keys are, so that the others
are composed like those of the main objects. None of them tracks changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from csod_pipelines.sandbox.cornerstone.employees import CUSTOM_FIELD_IDS
from csod_pipelines.sandbox.cornerstone.feed import STAMP, Feed, Walk
from csod_pipelines.sandbox.cornerstone.feed_rows import Row, found_object
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import training_of
from csod_pipelines.sandbox.cornerstone.rows import LOCATION, OU_TYPES, Part, Session, TranscriptRow

MOST_PARTS = 1_000  # positions of parts: number of the object x this + place
_FIXED = datetime(2020, 1, 1, tzinfo=UTC)  # tables that nobody changes
_LO_TYPES = ("Event", "Session", "Material", "Online Course")
_CUSTOM = {f"user_custom_field_{id:05}": id for id in CUSTOM_FIELD_IDS}


def _custom_fields(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for user in portal.store.users.after(after):
        values = {name: user.custom_fields.get(id) for name, id in _CUSTOM.items()}
        yield user.id, {"user_id": user.id, **values, "_last_touched_dt_utc": user.modified}


def _titles(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for position, id in _objects(portal, after):
        found = found_object(portal, id)
        assert found is not None
        training = training_of(portal, found)
        names = {"lo_title": training.title, "lo_description": training.description}
        yield position, {"object_id": id, "culture_id": "en-US", **names, "_last_touched_dt_utc": found.modified}


def _training_custom_fields(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    """The portal has none defined for training: keys alone."""
    for position, id in _objects(portal, after):
        found = found_object(portal, id)
        assert found is not None
        yield position, {"object_id": id, "_last_touched_dt_utc": found.modified}


def _objects(portal: Portal, after: int) -> Iterator[tuple[int, str]]:
    return islice(enumerate(portal.store.objects, start=1), after, None)


def _transcript_custom_fields(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    return ((position, _transcript_key(row)) for position, row in _transcripts(portal, after))


def _transcripts(portal: Portal, after: int) -> Iterator[tuple[int, TranscriptRow]]:
    rows = portal.store.transcripts.rows
    return ((position + 1, rows[position]) for position in range(after, len(rows)) if not rows[position].replaced)


def _transcript_key(row: TranscriptRow) -> Row:
    key = {"transc_user_id": row.user_id, "transc_object_id": row.object_id, "reg_num": row.reg_num}
    return key | {"_last_touched_dt_utc": row.modified}


def _attendance(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for position, row in _transcripts(portal, max(0, after // MOST_PARTS - 1)):
        for place, (part_id, mark) in enumerate(sorted(row.attendance.items())):
            if position * MOST_PARTS + place > after:
                yield position * MOST_PARTS + place, _transcript_key(row) | {"part_id": part_id, "attended": mark}


def _parts(portal: Portal, after: int) -> Iterator[tuple[int, Session, Part]]:
    for position, id in _objects(portal, max(0, after // MOST_PARTS - 1)):
        session = portal.store.sessions.get(id)
        for place, part in enumerate(session.parts if session else ()):
            if session is not None and position * MOST_PARTS + place > after:
                yield position * MOST_PARTS + place, session, part


def _schedule(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for position, session, part in _parts(portal, after):
        site = portal.store.ous.by_ref(part.location_ref, type_id=LOCATION) if part.location_ref else None
        times = {"part_start_dt": part.start, "part_end_dt": part.end, "part_time_zone": part.time_zone}
        row: Row = {"object_id": session.id, "part_id": part.id, "part_name": part.name, **times}
        yield position, row | {"part_location_id": site.id if site else None, "_last_touched_dt_utc": session.modified}


def _instructors(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for position, session, part in _parts(portal, after):
        for ref in part.instructors[:1]:
            user = portal.store.users.by_ref(ref)
            ids = {"object_id": session.id, "part_id": part.id, "instructor_user_id": user.id if user else None}
            yield position, ids | {"_last_touched_dt_utc": session.modified}


def _facilities(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for ou in portal.store.ous.after(after):
        if ou.type_id == LOCATION:
            address = ou.address or {}
            named = {"ou_id": ou.id, "title": ou.name, "ref": ou.external_id, "facility_type": ou.facility_type}
            where = {"time_zone": ou.time_zone, "city": address.get("city"), "country": address.get("country")}
            yield ou.id, named | where | {"active": ou.active, "_last_touched_dt_utc": ou.modified}


def _table(rows: Iterable[tuple[int, str]], number: str, title: str) -> Walk:
    kept = sorted(rows)

    def walk(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
        return ((id, {number: id, title: text, "_last_touched_dt_utc": _FIXED}) for id, text in kept if id > after)

    return walk


def _feed(name: str, key: tuple[str, ...], walk: Walk, **fields: str) -> Feed:
    return Feed(name=name, fields=fields | STAMP, key=key, walk=walk, tracked=False)


_TRANSCRIPT_KEY = {"transc_user_id": "int", "transc_object_id": "guid", "reg_num": "int"}
_SCHEDULE = {
    "object_id": "guid",
    "part_id": "int",
    "part_name": "text",
    "part_start_dt": "instant",
    "part_end_dt": "instant",
    "part_time_zone": "text",
    "part_location_id": "int",
}
_FACILITY = dict.fromkeys(("title", "ref", "facility_type", "time_zone", "city", "country"), "text")
_CUSTOM_COLUMNS = {"user_id": "int"} | dict.fromkeys(_CUSTOM, "text")
_PART_KEY = ("object_id", "part_id")

MORE_OBJECTS: tuple[Feed, ...] = (
    _feed("users_cf_core", ("user_id",), _custom_fields, **_CUSTOM_COLUMNS),
    _feed(
        "training_local_core",
        ("object_id", "culture_id"),
        _titles,
        object_id="guid",
        culture_id="text",
        lo_title="text",
        lo_description="text",
    ),
    _feed("training_cf_core", ("object_id",), _training_custom_fields, object_id="guid"),
    _feed("transcript_cf_core", tuple(_TRANSCRIPT_KEY), _transcript_custom_fields, **_TRANSCRIPT_KEY),
    _feed(
        "training_type_core",
        ("lo_type_id",),
        _table(enumerate(_LO_TYPES, start=1), "lo_type_id", "lo_type"),
        lo_type_id="int",
        lo_type="text",
    ),
    _feed("ou_type_core", ("ou_type_id",), _table(OU_TYPES.items(), "ou_type_id", "title"), ou_type_id="int", title="text"),
)

MORE_VIEWS: tuple[Feed, ...] = (
    _feed("vw_rpt_user_cf", ("user_id",), _custom_fields, **_CUSTOM_COLUMNS),
    _feed(
        "vw_rpt_transcript_part_attendance",
        (*_TRANSCRIPT_KEY, "part_id"),
        _attendance,
        **_TRANSCRIPT_KEY,
        part_id="int",
        attended="bool",
    ),
    *(
        _feed(name, _PART_KEY, _schedule, **_SCHEDULE)
        for name in ("vw_rpt_training_schedule", "vw_rpt_training_session_schedule", "vw_rpt_session_schedule_local")
    ),
    _feed(
        "vw_rpt_training_ilt_session_instructor",
        _PART_KEY,
        _instructors,
        object_id="guid",
        part_id="int",
        instructor_user_id="int",
    ),
    _feed("vw_rpt_training_ilt_facility", ("ou_id",), _facilities, ou_id="int", **_FACILITY, active="bool"),
)
