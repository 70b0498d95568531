"""The root mutation as a table: namespace, operation, what it answers with, what it does.

A refusal of a business nature is an answer: HTTP 200, the entity null, `errors` filled. Several operations of one request are done one by
one; one that is refused does not undo the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from csod_pipelines.sandbox.administrate import catalogue, fields, hook_records, learners, logs, people, training
from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.records import Row
from csod_pipelines.sandbox.administrate.world import KINDS

Do = Callable[..., Any]
NO_ERRORS: list[dict[str, Any]] = []
SUPPORTS_EXTERNAL_ID = ("Account", "Contact", "CourseTemplate", "Event", "Learner", "Location", "Session", "LearningCategory")


def _guarded(call: Call, entity: str | None, do: Callable[[], Any]) -> dict[str, Any]:
    """One result object: the entity, or the refusal."""
    try:
        if call.refusing is not None:
            raise Refused("input", call.refusing)
        value = do()
    except Refused as refused:
        return {**({} if entity is None else {entity: None}), "errors": refused.errors()}
    if isinstance(value, Mapping):
        return {**value, "errors": NO_ERRORS}
    return {**({} if entity is None else {entity: value}), "errors": NO_ERRORS}


def one(entity: str | None, do: Do) -> tuple[str | None, Do]:
    return entity, lambda call, **arguments: _guarded(call, entity, lambda: do(call, **arguments))


def each(entity: str, do: Do) -> tuple[str | None, Do]:
    """One result for every input of a list; an absent input is refused like a wrong one."""

    def run(call: Call, *, input: list[Any]) -> list[dict[str, Any]]:
        def single(item: Any) -> Any:
            if item is None:
                raise Refused("input", "must not be null")
            return do(call, item)

        return [_guarded(call, entity, lambda item=item: single(item)) for item in input]

    return entity, run


def _delete_many(key: str, do: Callable[[Call, str], Any]) -> Do:
    def run(call: Call, *, input: Mapping[str, Any]) -> None:
        for gid in input[key]:
            do(call, gid)

    return run


def _register_contacts(call: Call, *, eventId: str, input: Mapping[str, Any]) -> dict[str, Any]:
    event = training.event(call, eventId)
    rows = learners.register(call, event, input["contacts"], notes=input.get("notes"))
    return {"event": event, "learners": rows}


def _register_named(call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
    event = training.event(call, given["eventId"])
    rows = learners.register(call, event, [given["contactId"]], notes=given.get("notes"), custom=given.get("customFieldValues"))
    return {"learners": rows}


def _register_learner(call: Call, *, input: Mapping[str, Any]) -> Any:
    return learners.register_on(call, input["registrationId"], training.event(call, input["eventId"]), input["contactId"])


def _register_unnamed(call: Call, *, input: Mapping[str, Any]) -> dict[str, Any]:
    event = training.event(call, input["eventId"])
    return {"registration": learners.hold_places(call, input["registrationId"], event, input["quantity"]), "event": event}


def _store_external(call: Call, *, nodeId: str, name: str, value: str, overwrite: bool | None = None) -> Row:
    """No place for nested errors here, so every refusal stands at the top level."""
    if call.refusing is not None:
        raise GraphQLError(call.refusing)
    row = call.world.node(nodeId)
    if row is None or type(row).__name__ not in SUPPORTS_EXTERNAL_ID:
        raise GraphQLError(f"No record with external ids has the id {nodeId!r}")
    if not name.strip() or not value.strip():
        raise GraphQLError("External ids need a name and a value")
    if overwrite is None:
        overwrite = call.settings.on("external_id_overwrite_default")
    if name in (row.external or {}) and not overwrite:
        raise GraphQLError(f"The external id '{name}' already has a value on this record")
    kind = type(row).__name__
    holder = call.world.by_external(kind, name, value)
    if holder is not None and holder is not row:
        raise GraphQLError(f"Another {kind} already has '{value}' as its external id '{name}'")
    call.world.set_external(row, name, value)
    if call.settings.on("external_id_moves_stamp"):
        call.touch(row)
    kinds = {"Account": "account", "Contact": "contact", "Event": "event", "Learner": "learner", "Session": "session"}
    if call.settings.on("external_id_fires_updated") and kind in kinds:
        call.fire(f"{kinds[kind]}_updated", nodeId)
    call.did("update", KINDS[type(row)], nodeId)
    return row


def _define(call: Call, *, input: Mapping[str, Any]) -> Any:
    return fields.define(call, input["objectType"], input["definition"])


MUTATIONS: dict[str, dict[str, tuple[str | None, Do]]] = {
    "account": {
        "create": one("account", lambda call, *, input: people.create_account(call, input)),
        "update": one("account", lambda call, *, input: people.update_account(call, input)),
        "merge": one("account", lambda call, *, input: people.merge_accounts(call, input)),
    },
    "contact": {
        "create": one("contact", lambda call, *, input: people.create_contact(call, input)),
        "createBatch": each("contact", people.create_contact),
        "update": one("contact", lambda call, *, input: people.update_contact(call, input)),
        "delete": one("contact", lambda call, *, input: people.delete_contact(call, input["contactId"])),
    },
    "courseTemplate": {
        "create": one("courseTemplate", lambda call, *, input: catalogue.create_template(call, input)),
        "update": one("courseTemplate", lambda call, *, courseTemplateId, input: catalogue.update_template(call, courseTemplateId, input)),
    },
    "event": {
        "createClassroom": one("event", lambda call, *, input: training.create_event(call, input, mode="classroom")),
        "createBlended": one("event", lambda call, *, input: training.create_event(call, input, mode="blended")),
        "createLMS": one("event", lambda call, *, input: training.create_event(call, input, mode="lms")),
        "update": one("event", lambda call, *, eventId, input: training.update_event(call, eventId, input)),
        "delete": one(None, _delete_many("eventIds", training.delete_event)),
        "addStaff": one("event", lambda call, *, input: training.add_event_staff(call, input)),
        "registerContacts": one("learners", _register_contacts),
        "registerNamedLearners": each("learners", _register_named),
    },
    "session": {
        "create": one("session", lambda call, *, eventId, input: training.create_session(call, eventId, input)),
        "update": one("session", lambda call, *, sessionId, input: training.update_session(call, sessionId, input)),
        "delete": one(None, _delete_many("sessionIds", training.delete_session)),
        "addStaff": one("session", lambda call, *, input: training.add_session_staff(call, input)),
    },
    "learner": {
        "update": one("learner", lambda call, *, input: learners.update(call, input)),
        "cancel": one("learner", lambda call, *, input: learners.cancel(call, input["learnerId"])),
        "reactivate": one("learner", lambda call, *, input: learners.reactivate(call, input["learnerId"])),
        "recordAttendances": each("learner", learners.record_attendance),
        "recordResult": one("learner", lambda call, *, learnerId, hasPassed: learners.record_result(call, learnerId, has_passed=hasPassed)),
    },
    "registration": {
        "registerLearner": one("learner", _register_learner),
        "registerUnnamedLearners": one("registration", _register_unnamed),
    },
    "externalId": {"store": (None, _store_external)},
    "externalLog": {
        "createExternalIntegrationLog": one(None, lambda call, *, input: logs.write(call, input)),
        "createExternalIntegrationLogs": one("entityIds", lambda call, *, input: [logs.write(call, input)]),
    },
    "customFields": {
        "createGlobalCustomDefinition": one("customFieldDefinition", _define),
        "updateGlobalCustomDefinition": one(
            "customFieldDefinition", lambda call, *, key, definition: fields.redefine(call, key, definition)
        ),
    },
    "webhooks": {
        "create": one("webhook", lambda call, *, input: hook_records.create(call, input)),
        "update": one("webhook", lambda call, *, input: hook_records.update(call, input)),
    },
    "location": {
        "create": one("location", lambda call, *, input: catalogue.create_location(call, input)),
        "update": one("location", lambda call, *, locationId, input: catalogue.update_location(call, locationId, input)),
    },
    "learningCategory": {
        "create": one("learningCategory", lambda call, *, input: catalogue.create_category(call, input)),
        "update": one(
            "learningCategory", lambda call, *, learningCategoryId, input: catalogue.update_category(call, learningCategoryId, input)
        ),
    },
}


def resolver(namespace: str, operation: str) -> Callable[..., Any]:
    """The resolver of one mutation: names itself in the call, for the access log, and runs."""
    path = f"{namespace}.{operation}"
    run = MUTATIONS[namespace][operation][1]

    def resolve(_root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        call: Call = info.context
        call.operation = path
        return run(call, **arguments)

    return resolve


def namespace_type(namespace: str) -> str:
    """The schema's name of the type behind a field of the root mutation."""
    return f"{namespace[0].upper()}{namespace[1:]}Mutations"
