"""What the data exporter can show: objects with their fields, keys, indexes, and where their rows come from."""

from __future__ import annotations

from csod_pipelines.sandbox.cornerstone.feed import STAMP, Feed
from csod_pipelines.sandbox.cornerstone.feed_rows import (
    narrow_trainings,
    narrow_transcripts,
    narrow_user_ous,
    narrow_users,
    one_ou,
    one_training,
    one_transcript,
    one_user,
    one_user_ou,
    walk_ou_ancestors,
    walk_ous,
    walk_sources,
    walk_trainings,
    walk_transcripts,
    walk_user_ous,
    walk_users,
)
from csod_pipelines.sandbox.cornerstone.feeds_more import MORE_OBJECTS

USER = {
    "user_id": "int",
    "user_ref": "text",
    "user_login": "text",
    "user_email": "text",
    "user_name_first": "text",
    "user_name_last": "text",
    "user_mobile_phone": "text",
    "user_status_id": "int",
    "user_guid": "guid",
    "user_mgr_id": "int",
    "_last_touched_dt_utc": "instant",
}
OU = {
    "ou_id": "int",
    "title": "text",
    "ref": "text",
    "type_id": "int",
    "owner_id": "int",
    "parent_id": "int",
    "approver_id": "int",
    "active": "bool",
    "_last_touched_dt_utc": "instant",
}
TRANSCRIPT = {
    "transc_user_id": "int",
    "transc_object_id": "guid",
    "reg_num": "int",
    "user_lo_status_id": "int",
    "user_lo_score": "number",
    "user_lo_pass": "bool",
    "user_lo_reg_dt": "instant",
    "user_lo_assigned_dt": "instant",
    "user_lo_comp_dt": "instant",
    "user_lo_min_due_date": "text",
    "user_lo_withdrawal_date": "instant",
    "user_part_attendance": "int",
    "is_removed": "bool",
    "archived": "bool",
    "is_express_class": "bool",
    "_last_touched_dt_utc": "instant",
}
TRAINING = {
    "object_id": "guid",
    "lo_type": "text",
    "lo_root_id": "guid",
    "lo_locator": "int",
    "lo_ref": "text",
    "lo_title": "text",
    "lo_provider_id": "int",
    "lo_start_dt": "instant",
    "lo_end_dt": "instant",
    "lo_reg_min": "int",
    "lo_reg_max": "int",
    "lo_min_parts": "int",
    "lo_credit": "number",
    "lo_end_registration": "instant",
    "lo_timezone_id": "int",
    "lo_location_id": "int",
    "lo_instructor_id": "int",
    "lo_seats_total": "int",
    "lo_seats_taken": "int",
    "lo_seats_available": "int",
    "lo_status_type": "text",
    "lo_active": "text",
    "_last_touched_dt_utc": "instant",
}

OBJECTS: dict[str, Feed] = {
    feed.name: feed
    for feed in (
        Feed(
            name="users_core",
            fields=USER,
            key=("user_id",),
            walk=walk_users,
            one=one_user,
            narrow=narrow_users,
            indexed=frozenset(
                {
                    "user_id",
                    "user_ref",
                    "user_login",
                    "user_email",
                    "user_name_last",
                    "user_status_id",
                    "user_guid",
                    "user_mgr_id",
                    "_last_touched_dt_utc",
                }
            ),
        ),
        Feed(
            name="user_ou_core",
            fields={"user_id": "int", "ou_id": "int", "ou_type_id": "int"} | STAMP,
            key=("user_id", "ou_id"),
            walk=walk_user_ous,
            one=one_user_ou,
            narrow=narrow_user_ous,
        ),
        Feed(
            name="ou_core",
            fields=OU,
            key=("ou_id",),
            walk=walk_ous,
            one=one_ou,
            narrow=lambda p, e: None if e.get("ou_id") is None else [r for r in [one_ou(p, (e["ou_id"],))] if r],
            indexed=frozenset({"ou_id", "ref", "type_id", "parent_id", "active", "_last_touched_dt_utc"}),
        ),
        Feed(
            name="ou_hierarchy_core",
            fields={"descendant_ou_id": "int", "ancestor_ou_id": "int", "distance": "int"} | STAMP,
            key=("descendant_ou_id", "ancestor_ou_id"),
            walk=walk_ou_ancestors,
            tracked=False,
        ),
        Feed(
            name="transcript_core",
            fields=TRANSCRIPT,
            key=("transc_user_id", "transc_object_id", "reg_num"),
            walk=walk_transcripts,
            one=one_transcript,
            narrow=narrow_transcripts,
            indexed=frozenset(
                {"transc_user_id", "transc_object_id", "reg_num", "user_lo_status_id", "is_removed", "archived", "_last_touched_dt_utc"}
            ),
        ),
        Feed(
            name="transcript_src_assignment_core",
            fields={"user_id": "int", "object_id": "guid", "reg_num": "int", "proxy_id": "int"} | STAMP,
            key=("user_id", "object_id", "reg_num"),
            walk=walk_sources,
            tracked=False,
        ),
        Feed(
            name="training_core",
            fields=TRAINING,
            key=("object_id",),
            walk=walk_trainings,
            one=one_training,
            narrow=narrow_trainings,
            indexed=frozenset(
                {
                    "object_id",
                    "lo_type",
                    "lo_root_id",
                    "lo_locator",
                    "lo_ref",
                    "lo_start_dt",
                    "lo_end_dt",
                    "lo_active",
                    "_last_touched_dt_utc",
                }
            ),
        ),
        *MORE_OBJECTS,
    )
}
