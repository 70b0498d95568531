"""Who a learning object is available to, and the text in which a client says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import CORPORATION, OU_TYPES, Session, Training, User

_TYPE_IDS = {name.lower(): id for id, name in OU_TYPES.items()}


def read_availabilities(portal: Portal, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Check each entry: ``__type`` first, and an Id that exists."""
    result = []
    for item in fields.rows_of(record, "Availabilities"):
        kind = str(item.get("__type", "")).split(":")[0]
        if kind not in ("UserAvailability", "OUAvailability") or (portal.settings["lo_type_first"] and next(iter(item)) != "__type"):
            raise Invalid("Invalid availability type: __type must be the first member and UserAvailability or OUAvailability")
        ref = fields.text(item, "Id", required=True) or ""
        if kind == "UserAvailability":
            if portal.store.users.by_ref(ref) is None:
                raise Invalid(f"Invalid availability Id {ref}")
        else:
            name = fields.text(item, "SubType", required=True) or ""
            type_id = _TYPE_IDS.get(name.lower())
            if type_id is None or portal.store.ous.by_ref(ref, type_id=type_id) is None:
                raise Invalid(f"Invalid availability Id {ref} of SubType {name}")
        for name in ("IncludeSubs", "PreApproved", "RegisterUponApproval"):
            fields.flag(item, name)
        result.append(dict(item))
    return result


def available_to(portal: Portal, found: Training | Session, user: User) -> bool:
    return any(_covers(portal, item, user) for item in found.availabilities)


def _covers(portal: Portal, item: Mapping[str, Any], user: User) -> bool:
    ref = str(item["Id"]).strip().casefold()
    if str(item["__type"]).startswith("UserAvailability"):
        return user.external_id.casefold() == ref
    type_id = _TYPE_IDS[str(item["SubType"]).lower()]
    if type_id == CORPORATION:
        return True  # the root of the organisation holds everybody
    ou = portal.store.ous.by_ref(ref, type_id=type_id)
    own = user.ous.get(type_id)
    if ou is None or own is None:
        return False
    return own == ou.id or (bool(item.get("IncludeSubs")) and portal.store.ous.is_within(own, ou.id))
