"""The vendors' envelopes: one request becomes the deliveries that are stored, without any secret it carried.

Administrate posts one record a request, its webhook's type in our path and its ``configuration`` (the shared secret)
in the body. Cornerstone posts up to many records a request, and an empty list as a heartbeat every five minutes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from csod_pipelines.gateway.refusals import Reason, Rejected
from csod_pipelines.gateway.routes import Target, administrate_target, cornerstone_target, usable_id
from csod_pipelines.model.keys import SystemName
from csod_pipelines.store.inbox import Delivery

#: All others are dropped: a portal may be configured to send secrets under names of its own.
KEPT_HEADERS = frozenset({"content-type", "user-agent", "date", "traceparent", "x-request-id"})
UNKNOWN_TYPE = "unknown"
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def administrate_deliveries(body: bytes, *, type: str, headers: Mapping[str, str]) -> list[Delivery]:
    """The one delivery of an Administrate request. Raises Rejected."""
    if not _TYPE.fullmatch(type):
        raise Rejected(Reason.BAD_TYPE)
    envelope = _object(body)
    metadata, payload = envelope.get("metadata"), envelope.get("payload")
    if not isinstance(metadata, dict) or not isinstance(payload, dict):
        raise Rejected(Reason.WRONG_SHAPE)
    record_id = _record_id(payload)
    stored = _bytes({"metadata": metadata, "payload": payload})
    stamp = (metadata.get("webhook_id"), record_id, metadata.get("triggered_at"))
    key = _digest("administrate", type, *stamp) if all(isinstance(part, str) for part in stamp) else _digest("administrate", type, stored)
    target = administrate_target(type, record_id, event_id=_event_id(payload))
    return [_delivery(SystemName.ADMINISTRATE, type, target, key, headers, stored)]


def cornerstone_deliveries(body: bytes, *, headers: Mapping[str, str]) -> list[Delivery]:
    """One delivery a record; none for a heartbeat. A record that cannot be understood is kept as an unknown one,
    since Cornerstone would send neither it nor its neighbours again after a 400. Raises Rejected."""
    records = _object(body).get("records")
    if not isinstance(records, list):
        raise Rejected(Reason.WRONG_SHAPE)
    return [_cornerstone_delivery(record, headers=headers) for record in records]


def _cornerstone_delivery(record: Any, *, headers: Mapping[str, str]) -> Delivery:
    stored = _bytes(record)
    value = record.get("value") if isinstance(record, dict) else None
    value = value if isinstance(value, dict) else {}
    type = next((text for name, text in value.items() if name.endswith("Case") and isinstance(text, str)), UNKNOWN_TYPE)
    if not _TYPE.fullmatch(type):
        type = UNKNOWN_TYPE
    holder = value.get(type[:1].lower() + type[1:])
    data = holder.get("data") if isinstance(holder, dict) else None
    data = data if isinstance(data, dict) else {}
    sent = value.get("headers")
    message = (sent.get("messageId") if isinstance(sent, dict) else None) or data.get("eventId")
    key = _digest("cornerstone", message) if isinstance(message, str) else _digest("cornerstone", stored)
    return _delivery(SystemName.CORNERSTONE, type, cornerstone_target(type, data), key, headers, stored)


def _delivery(source: SystemName, type: str, target: Target | None, key: bytes, headers: Mapping[str, str], body: bytes) -> Delivery:
    return Delivery(
        source=source,
        type=type,
        subject=target.subject if target else None,
        flow=target.flow if target else None,
        side=source if target else None,
        member=target.member if target else None,
        dedupe_key=key,
        headers={name: value for name, value in headers.items() if name in KEPT_HEADERS},
        body=body,
        reason="unknown_record",
    )


def _record_id(payload: Mapping[str, Any]) -> str | None:
    """``node.id`` of our own queries; ``echo`` of those for deletions, when the record can no longer be asked."""
    node = payload.get("node")
    if isinstance(node, dict):
        return usable_id(node.get("id"))
    return usable_id(payload.get("echo"))


def _event_id(payload: Mapping[str, Any]) -> str | None:
    """``node.event.id``, where our query asks for it."""
    node = payload.get("node")
    event = node.get("event") if isinstance(node, dict) else None
    return usable_id(event.get("id")) if isinstance(event, dict) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as err:
        raise Rejected(Reason.MALFORMED_JSON) from err
    if not isinstance(value, dict):
        raise Rejected(Reason.WRONG_SHAPE)
    return value


def _bytes(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as err:  # nested deeper than it can be written again
        raise Rejected(Reason.WRONG_SHAPE) from err


def _digest(*parts: str | bytes | None) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()
