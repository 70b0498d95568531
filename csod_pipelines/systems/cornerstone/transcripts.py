"""Transcript API v1: one user and one learning object a call, synchronous."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.systems.cornerstone.calls import Portal, accepted, taken
from csod_pipelines.systems.errors import Refused


class Transcripts:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def details(self, user_ref: str, object_id: str) -> Mapping[str, Any] | None:
        answer = self._portal.get("transcripts.details", params={"externalId": user_ref, "learningObjectId": object_id})
        if answer.status == 404:
            return None
        data = accepted(answer, "transcripts.details").data
        return data.get("data") if isinstance(data, dict) else None

    def register(self, user_ref: str, object_id: str) -> Mapping[str, Any]:
        body = {"externalId": user_ref, "learningObjectId": object_id, "assignment": "registered"}
        return self._write("POST", "transcripts.assign", body)

    def withdraw(self, user_ref: str, object_id: str, *, reason: str) -> Mapping[str, Any]:
        body = {"externalId": user_ref, "learningObjectId": object_id, "comment": reason}
        return self._write("PATCH", "transcripts.withdraw", body)

    def _write(self, method: str, name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._portal.write(method, name, body)
        try:
            taken(answer, name)
        except Refused as err:
            if "record not found" in str(err).casefold():
                raise Refused(str(err), code="not_found", status=err.status, request_id=err.request_id) from err
            raise
        data = answer.data.get("data") if isinstance(answer.data, dict) else None
        return data if isinstance(data, dict) else {}
