"""What can go wrong at a vendor, in the two families that retry cares about.

VendorError
  Transient            may succeed later without anybody acting
    Unavailable        5xx, connection refused, reset before sending
    RateLimited        until: instant from which a call may be sent
    Indeterminate      a write was sent and its fate is unknown: look before writing again
  Permanent            the same call will fail again
    Refused            the vendor understood and refused (fields, message)
    Unauthorized       credentials refused: stops the flow, no retry
    Forbidden          one permission or scope is missing (Cornerstone answers 401 for it)
    Malformed          an answer that cannot be understood
    Unsupported        the register says the vendor has no such call, or it is switched off
  LeaseLost            too little of the lease is left to send
"""

from __future__ import annotations

from datetime import datetime


class VendorError(Exception):
    """What was tried, what came back, what to do next."""

    def __init__(self, message: str, *, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id


class Transient(VendorError):
    pass


class Unavailable(Transient):
    pass


class RateLimited(Transient):
    """``until`` is by our own clock, whose work it postpones."""

    def __init__(self, message: str, *, bucket: str, until: datetime, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message, status=status, request_id=request_id)
        self.bucket = bucket
        self.until = until


class Indeterminate(Transient):
    pass


class Permanent(VendorError):
    pass


class Refused(Permanent):
    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        fields: tuple[str, ...] = (),
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id)
        self.code = code
        self.fields = fields


class Unauthorized(Permanent):
    pass


class Forbidden(Permanent):
    pass


class Malformed(Permanent):
    pass


class Unsupported(Permanent):
    pass


class LeaseLost(Exception):
    pass
