"""Employee API v2: ``/services/api/x/users/v2/employees``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call, stamp_b, stamp_ms, x_data
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.paging import next_page_token, page_of, token_names
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import User
from csod_pipelines.sandbox.cornerstone.user_changes import UserCheck, change_user, create_user

PAGE_SIZE = 50  # csod.dev pagination page; the greatest allowed is not known
GREATEST_PAGE_SIZE = 1_000
_FILTERS = ("ids", "username", "externalid", "guid", "lastname", "firstname", "modifieddate", "createddate", "status", "ous")


def list_employees(portal: Portal, call: Call) -> Answer:
    question = {name: call.query[name] for name in _FILTERS if call.query.get(name)}
    size = min(fields.query_whole(call, "pageSize", least=1) or PAGE_SIZE, GREATEST_PAGE_SIZE)
    after, page = page_of(call, kind="employees", question=question, names=token_names(portal.settings["next_page_parameter"]))
    rows: list[User] = []
    more = False
    for user in _matching(portal, question, after):
        if len(rows) == size:
            more = True
            break
        rows.append(user)
    token = next_page_token(call, kind="employees", question=question, after=rows[-1].id, page=page + 1) if more else None
    body = {"timestamp": stamp_b(call.now), "nextPageToken": token, "count": len(rows), "data": [shown(row) for row in rows]}
    return Answer(body=body, effects=call.effect())


def get_employee(portal: Portal, call: Call) -> Answer:
    return Answer(body=x_data(call, shown_whole(portal, _found(portal, call))), effects=call.effect())


def create_employee(portal: Portal, call: Call) -> Answer:
    check = UserCheck(portal, user=None).read(call.json_object())
    _refuse(check)
    row = create_user(portal, check, now=call.now, actor_id=portal.service_user(call.client_id).id)
    data = {"id": row.id, "links": {"href": f"/services/api/x/users/v2/employees/{row.id}"}}
    return Answer(
        status=portal.settings["employee_create_status"], body=x_data(call, data), effects=call.effect("create", kind="users", id=row.id)
    )


def patch_employee(portal: Portal, call: Call) -> Answer:
    row = _found(portal, call)
    check = UserCheck(portal, user=row).read(call.json_object())
    _refuse(check)
    change_user(portal, row, check, now=call.now)
    effects = call.effect("update", kind="users", id=row.id)
    if portal.settings["employee_patch_status"] == 204:
        return Answer(status=204, effects=effects)
    return Answer(body=x_data(call, {"id": row.id}), effects=effects)


def metadata(portal: Portal, call: Call) -> Answer:
    return Answer(body=x_data(call, _METADATA[call.params["what"]]), effects=call.effect())


def employment_status(portal: Portal, call: Call) -> Answer:
    row = _found(portal, call)
    data = {"id": row.id, "employmentStatusId": 1 if row.active else 2, "active": row.active, "effectiveDate": row.hired}
    return Answer(body=x_data(call, data), effects=call.effect())


def groups(portal: Portal, call: Call) -> Answer:
    row = _found(portal, call)
    data = [{"id": id, "typeId": type_id} for type_id, id in row.ous.items() if type_id == 128]
    return Answer(body=x_data(call, data), effects=call.effect())


def shown(row: User) -> dict[str, Any]:
    """A row of the list: OUs and custom fields come with the single GET only."""
    more = row.more
    return {
        "id": row.id,
        "externalId": row.external_id,
        "userName": row.user_name,
        "guid": row.guid,
        "firstName": row.first_name,
        "middleName": more.get("middleName"),
        "lastName": row.last_name,
        "prefix": more.get("prefix"),
        "suffix": more.get("suffix"),
        "primaryEmail": row.primary_email,
        "personalEmail": more.get("personalEmail"),
        "homePhone": more.get("homePhone"),
        "mobilePhone": row.mobile_phone,
        "workPhone": more.get("workPhone"),
        "fax": more.get("fax"),
        "address": {name: (more.get("address") or {}).get(name) for name in ("country", "line1", "line2", "city", "state", "zipCode")},
        "workerStatus": {
            "lastHireDate": row.hired,
            "originalHireDate": more.get("originalHireDate", row.hired),
            "active": row.active,
            "absent": row.absent,
        },
        "settings": {"displayLanguage": row.language, "timeZone": row.time_zone, "trainingApprovals": more.get("trainingApprovals", 1)},
        "managerId": row.manager_id,
        "approverId": row.approver_id,
        "employeeMetaData": {"createdDate": stamp_ms(row.created), "modifiedDate": stamp_ms(row.modified)},
    }


def shown_whole(portal: Portal, row: User) -> dict[str, Any]:
    ous = []
    for type_id, id in sorted(row.ous.items()):
        ou = portal.store.ous.get(id)
        ous.append({"id": id, "typeId": type_id, "name": ou.name if ou else None})
    custom = [{"id": id, "value": value} for id, value in sorted(row.custom_fields.items())]
    return shown(row) | {"ous": ous, "customFields": custom, "relations": []}


def _found(portal: Portal, call: Call) -> User:
    row = portal.store.users.get(int(call.params["id"]))
    if row is None:
        raise ApiError(404, "User not found")
    return row


def _refuse(check: UserCheck) -> None:
    if check.errors:
        raise ApiError(400, "Validation failed", fields=list(check.errors.items()))


def _matching(portal: Portal, question: dict[str, str], after: int) -> Iterator[User]:
    tests = []
    for name in ("lastname", "firstname"):
        if name in question:
            wanted = question[name].strip().casefold()
            column = {"lastname": "last_name", "firstname": "first_name"}[name]
            tests.append(lambda row, c=column, w=wanted: getattr(row, c).strip().casefold() == w)
    try:
        if "createddate" in question:
            created = fields.day(question["createddate"], "createdDate")
            tests.append(lambda row: row.created.date() == created)
        if "modifieddate" in question:
            modified = fields.day(question["modifieddate"], "modifiedDate")
            since = portal.settings["employee_modified_date"] == "since"
            tests.append(lambda row: row.modified.date() >= modified if since else row.modified.date() == modified)
        if "ous" in question:
            wanted_ous = {fields.whole({"ous": part}, "ous") for part in question["ous"].split(",")}
            tests.append(lambda row: not wanted_ous.isdisjoint(row.ous.values()))
    except Invalid as err:
        raise ApiError(400, str(err), fields=[("query", [str(err)])]) from err
    status = question.get("status", "").lower()
    if status not in ("", "active", "inactive", "all"):
        raise ApiError(400, "Invalid status", fields=[("status", ["status must be active or inactive"])])
    if status in ("active", "inactive"):
        tests.append(lambda row: row.active == (status == "active"))
    elif not status and not portal.settings["employee_list_includes_inactive"]:
        tests.append(lambda row: row.active)
    return (row for row in _candidates(portal, question, after) if all(test(row) for test in tests))


def _candidates(portal: Portal, question: dict[str, str], after: int) -> Iterable[User]:
    """The narrowest look-up that the question allows, in id order."""
    users = portal.store.users
    narrowed: list[set[int]] = []
    if "ids" in question:
        parts = [part.strip() for part in question["ids"].split(",") if part.strip()]
        if len(parts) > 1000 or not all(part.isdecimal() and len(part) <= fields.LONGEST_INTEGER for part in parts):
            raise ApiError(400, "ids must be whole numbers, comma separated", fields=[("ids", ["Invalid ids"])])
        narrowed.append({int(part) for part in parts})
    for name, look in (("externalid", users.by_ref), ("username", users.by_login), ("guid", users.by_guid)):
        if name in question:
            row = look(question[name])
            narrowed.append({row.id} if row else set())
    if not narrowed and "lastname" in question:
        return users.by_last_name(question["lastname"], after=after)
    if not narrowed:
        return users.after(after)
    chosen = sorted(id for id in set.intersection(*narrowed) if id > after)
    return [row for row in (users.get(id) for id in chosen) if row is not None]


_METADATA: dict[str, list[dict[str, Any]]] = {
    "custom-fields": [
        {"id": 37, "name": "Badge number", "required": False, "type": "ShortTextBox", "options": []},
        {
            "id": 38,
            "name": "Contract",
            "required": False,
            "type": "Dropdown",
            "options": [{"id": 1, "title": "Permanent"}, {"id": 2, "title": "Temporary"}],
        },
    ],
    "employment-status": [{"id": 1, "name": "Active"}, {"id": 2, "name": "Terminated"}, {"id": 3, "name": "Leave"}],
    "termination-reasons": [{"id": 1, "name": "Resignation"}, {"id": 2, "name": "Retirement"}],
}
CUSTOM_FIELD_IDS = tuple(field["id"] for field in _METADATA["custom-fields"])
