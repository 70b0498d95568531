"""Integration Logs: entries an outside integration writes onto a record, grouped by a constant origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from csod_pipelines.sandbox.administrate import ids
from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.records import IntegrationLog


def write(call: Call, given: Mapping[str, Any]) -> str:
    """The id of the entry. A log is no change of the record it stands on."""
    if given["nodeId"] != ids.INSTANCE and call.world.node(given["nodeId"]) is None:
        raise Refused("nodeId", "no record has this id", given["nodeId"])
    if not given["originIdentifier"].strip():
        raise Refused("originIdentifier", "must not be empty")
    payload = given.get("payload")
    if payload:
        try:
            groups = orjson.loads(payload)
        except orjson.JSONDecodeError:
            groups = None
        if not isinstance(groups, dict):
            raise Refused("payload", "not a JSON object")
    row = IntegrationLog(
        id=call.world.next_id(IntegrationLog),
        origin=given["originIdentifier"],
        node=given["nodeId"],
        message=given["message"],
        status=given["status"],
        payload=payload,
    )
    call.world.table(IntegrationLog).add(row, stamp=call.stamp)
    call.did("log", "integration_logs", call.gid(row))
    return call.gid(row)
