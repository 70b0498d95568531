"""Organizations API v1: ``/services/api/x/organizations/v1``."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call, stamp_b, x_data
from csod_pipelines.sandbox.cornerstone.ou_changes import OuCheck, change_ou, create_ou
from csod_pipelines.sandbox.cornerstone.paging import next_page_token, page_of, token_names
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import LOCATION, OU_TYPES, Ou

PAGE_SIZE = 100
GREATEST_PAGE_SIZE = 1_000
MOST_SKIPPED = 1_000_000_000
_FILTERS = ("typeid", "externalid", "name", "id", "includeinactive")


def list_types(portal: Portal, call: Call) -> Answer:
    data = [_type(id) for id in OU_TYPES]
    return Answer(body={"timestamp": stamp_b(call.now), "pageNumber": 1, "count": len(data), "data": data}, effects=call.effect())


def get_type(portal: Portal, call: Call) -> Answer:
    id = int(call.params["id"])
    if id not in OU_TYPES:
        raise ApiError(404, "OU type not found")
    return Answer(body=x_data(call, _type(id) | {"customFields": []}), effects=call.effect())


def list_ous(portal: Portal, call: Call) -> Answer:
    question = {name: call.query[name] for name in _FILTERS if call.query.get(name)}
    size = min(fields.query_whole(call, "pageSize", least=1) or PAGE_SIZE, GREATEST_PAGE_SIZE)
    after, page = page_of(call, kind="ous", question=question, names=token_names(portal.settings["next_page_parameter"]))
    wanted = fields.query_whole(call, "pageNumber", least=1)
    skipped = 0
    if wanted is not None and page == 1:  # the answer numbers its pages, so a number is taken where no token is given
        page, skipped = wanted, min((wanted - 1) * size, MOST_SKIPPED)
    rows: list[Ou] = []
    more = False
    for row in islice(_matching(portal, call, after), skipped, None):
        if len(rows) == size:
            more = True
            break
        rows.append(row)
    token = next_page_token(call, kind="ous", question=question, after=rows[-1].id, page=page + 1) if more else None
    body = {
        "timestamp": stamp_b(call.now),
        "pageNumber": page,
        "nextPageToken": token,
        "count": len(rows),
        "data": [shown(row) for row in rows],
    }
    return Answer(body=body, effects=call.effect())


def get_ou(portal: Portal, call: Call) -> Answer:
    """A bare object, as the documentation's examples print it."""
    return Answer(body=shown(_found(portal, call)), effects=call.effect())


def post_ou(portal: Portal, call: Call) -> Answer:
    check = OuCheck(portal, ou=None).read(call.json_object())
    _refuse(check)
    row = create_ou(portal, check, now=call.now)
    data = {"id": row.id, "links": {"href": f"/services/api/x/organizations/v1/ous/{row.id}"}}
    return Answer(status=201, body=x_data(call, data), effects=call.effect("create", kind="ous", id=row.id))


def patch_ou(portal: Portal, call: Call) -> Answer:
    return _change(portal, call, replace=False)


def put_ou(portal: Portal, call: Call) -> Answer:
    return _change(portal, call, replace=True)


def localizations(portal: Portal, call: Call) -> Answer:
    row = _found(portal, call)
    return Answer(body=x_data(call, [{"culture": "en-US", "name": row.name, "description": row.description}]), effects=call.effect())


def specifications(portal: Portal, call: Call) -> Answer:
    return Answer(body=x_data(call, {"types": [_type(id) for id in OU_TYPES]}), effects=call.effect())


def shown(row: Ou) -> dict[str, Any]:
    body = {
        "id": row.id,
        "typeId": row.type_id,
        "active": row.active,
        "name": row.name,
        "externalId": row.external_id,
        "ownerId": row.owner_id,
        "description": row.description,
        "parentId": row.parent_id,
        "reconcilable": row.reconcilable,
        "customFields": row.custom_fields,
    }
    if row.type_id == LOCATION:
        body |= {"facilityType": row.facility_type, "timeZone": row.time_zone, "address": row.address}
    return body


def _type(id: int) -> dict[str, Any]:
    row = {"id": id, "name": OU_TYPES[id], "description": "", "details": {"required": id == 2}}
    return row | {"facilityType": {"required": False}} if id == LOCATION else row


def _change(portal: Portal, call: Call, *, replace: bool) -> Answer:
    row = _found(portal, call)
    check = OuCheck(portal, ou=row).read(call.json_object(), replace=replace)
    _refuse(check)
    change_ou(portal, row, check, now=call.now)
    return Answer(status=204, effects=call.effect("update", kind="ous", id=row.id))


def _found(portal: Portal, call: Call) -> Ou:
    row = portal.store.ous.get(int(call.params["id"]))
    if row is None:
        raise ApiError(404, "OU not found")
    return row


def _refuse(check: OuCheck) -> None:
    if check.errors:
        raise ApiError(400, "Validation failed", fields=list(check.errors.items()))


def _matching(portal: Portal, call: Call, after: int) -> Iterable[Ou]:
    type_id = fields.query_whole(call, "typeId")
    id = fields.query_whole(call, "id")
    ref, name = call.query.get("externalid"), call.query.get("name")
    inactive = fields.query_flag(call, "includeInactive")
    inactive = portal.settings["ou_list_includes_inactive"] if inactive is None else inactive
    ous = portal.store.ous
    candidates: Iterable[Ou]
    if id is not None:
        found = ous.get(id)
        candidates = [found] if found else []
    elif ref:
        candidates = ous.by_ref_any_type(ref)
    elif name:
        candidates = ous.by_name(name)
    else:
        candidates = ous.after(after)
    rows = (
        row
        for row in candidates
        if row.id > after
        and (type_id is None or row.type_id == type_id)
        and (not ref or (row.external_id or "").strip().casefold() == ref.strip().casefold())
        and (not name or row.name.strip().casefold() == name.strip().casefold())
        and (inactive or row.active)
    )
    return rows if not (ref or name or id is not None) else sorted(rows, key=lambda row: row.id)
