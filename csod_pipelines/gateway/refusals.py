"""Why a request is turned away: each reason has a status, is counted, and leaves no row."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    UNAUTHORIZED = "unauthorized"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    BAD_ENCODING = "bad_encoding"
    MALFORMED_JSON = "malformed_json"
    WRONG_SHAPE = "wrong_shape"
    BAD_TYPE = "bad_type"
    CANNOT_BE_STORED = "cannot_be_stored"
    STORE_UNAVAILABLE = "store_unavailable"


STATUS = {
    Reason.UNAUTHORIZED: 401,
    Reason.TOO_LARGE: 413,
    Reason.TOO_SLOW: 408,
    Reason.BAD_ENCODING: 400,
    Reason.MALFORMED_JSON: 400,
    Reason.WRONG_SHAPE: 400,
    Reason.BAD_TYPE: 400,
    Reason.CANNOT_BE_STORED: 400,
    Reason.STORE_UNAVAILABLE: 503,  # both vendors send again after a 503; Cornerstone after no 4xx but 408
}


class Rejected(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.status = STATUS[reason]
