"""One HTTP call to a vendor: limited, guarded, recorded, timed, and its failure put into one of the two families.

Order of a send: budget, lease guard, ledger row, seam, lease guard, wire, seam, ledger outcome. A write is sent exactly once; reads are
repeated at most twice with a short random pause. Nothing here knows what a body means.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import AuthBase

from csod_pipelines import __version__
from csod_pipelines.model.keys import SystemName
from csod_pipelines.systems import wire
from csod_pipelines.systems.base import Budget, Clock, Guard, Recorder, Seams
from csod_pipelines.systems.errors import Forbidden, Indeterminate, LeaseLost, Malformed, RateLimited, Transient, Unauthorized, VendorError
from csod_pipelines.systems.tokens import TokenCache
from csod_pipelines.systems.vendor_clock import VendorClock

USER_AGENT = f"csod-pipelines/{__version__}"
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
READ_ATTEMPTS = 3
MAX_REDIRECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """``writes`` decides what a lost answer means. ``secret`` keeps both bodies out of the ledger."""

    method: str
    url: str
    operation: str
    bucket: str | None
    writes: bool
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    token: bool = True
    secret: bool = False
    timeout_seconds: float = READ_SECONDS
    attempts: int = READ_ATTEMPTS  # of a read; a write has one

    @property
    def full_url(self) -> str:
        if not self.params:
            return self.url
        return f"{self.url}{'&' if '?' in self.url else '?'}{urlencode(self.params)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Any answer below 500 but 401, 403 and 429: what a 400 or a 404 means is for the caller to say."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    request_id: str
    data: Any = None  # the parsed JSON body; None when empty

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a transport is given from outside. ``adapter`` stands in for the network, where a vendor runs in our own process."""

    budget: Budget
    recorder: Recorder
    guard: Guard
    clock: Clock
    seams: Seams
    adapter: BaseAdapter | None = None


class _NoNetrc(AuthBase):
    """Without an auth of its own, requests would replace our Authorization header by a match in ~/.netrc."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


class _OneStep(requests.Session):
    """Never looks where a redirect leads: requests would read its body to the end to find out, however large it is."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class Transport:
    """``blocked_until`` says from a 429's headers when the vendor lets us in again; ``refused`` is what a 401 means
    once a fresh token did not help (Cornerstone answers 401 for a missing permission too)."""

    def __init__(
        self,
        system: SystemName,
        *,
        house: House,
        blocked_until: Callable[[Mapping[str, str], VendorClock], datetime],
        refused: type[VendorError] = Unauthorized,
        rate_headers: tuple[str, str] | None = None,
    ) -> None:
        self.system = system
        self.house = house
        self.clock = VendorClock(house.clock)
        self.tokens: TokenCache | None = None
        self._blocked_until = blocked_until
        self._refused = refused
        self._rate_headers = rate_headers
        self._local = threading.local()
        self._random = random.Random()

    def send(self, call: Call) -> Answer:
        if call.writes:
            return self._with_token(call)
        attempt = 1
        while True:
            try:
                return self._with_token(call)
            except RateLimited:
                raise
            except Transient:
                if attempt >= call.attempts:
                    raise
                self.house.clock.sleep(self._random.uniform(0.05, 0.25) * attempt)
                attempt += 1

    def _with_token(self, call: Call) -> Answer:
        if not call.token:
            return self._judge(call, self._follow(call))
        tokens = self.tokens
        if tokens is None:
            raise Unauthorized(f"{self.system}: no credentials are configured for {call.operation}")
        answer = self._authorized(call, token := tokens.get())
        if answer.status == 401:
            tokens.refused(token)
            answer = self._authorized(call, tokens.get())
            if answer.status == 401:
                raise self._refused(
                    f"{self.system} answered 401 to {call.operation}, also with a fresh token: {wire.excerpt(answer.body)}. "
                    "Check the scopes and permissions of the application and its user.",
                    status=401,
                    request_id=answer.request_id,
                )
        return self._judge(call, answer)

    def _authorized(self, call: Call, token: str) -> Answer:
        return self._follow(replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"}))

    def _follow(self, call: Call) -> Answer:
        """Redirects are followed for reads alone and only within the host, since the token goes along."""
        hops = 0
        while (answer := self._once(call)).status in (301, 302, 303, 307, 308):
            target = urljoin(call.full_url, answer.headers.get("location", ""))
            hops += 1
            if call.writes or hops > MAX_REDIRECTS or urlsplit(target)[:2] != urlsplit(call.url)[:2]:
                break
            call = replace(call, url=target, params={})
        else:
            return answer
        raise Malformed(
            f"{self.system} redirected {call.operation} (status {answer.status}) to {urlsplit(target).netloc}; it is not followed. "
            "Check the configured address.",
            status=answer.status,
            request_id=answer.request_id,
        )

    def _once(self, call: Call) -> Answer:
        house = self.house
        if call.bucket is not None:
            house.budget.take(call.bucket)
        house.guard.ensure(CONNECT_SECONDS + call.timeout_seconds)
        request_id = house.recorder.sending(
            system=self.system,
            method=call.method,
            url=call.full_url,
            operation=call.operation,
            body=None if call.secret else call.body,
        )
        house.seams.at(f"call.send:{call.operation}")
        started = house.clock.monotonic()
        try:
            house.guard.ensure(CONNECT_SECONDS + call.timeout_seconds)  # again: writing the row may have taken long
        except LeaseLost as err:
            self._answered(request_id, status=None, body=None, started=started, error=f"not sent: {err}")
            raise
        try:
            status, headers, body = self._exchange(call, request_id, started=started)
        except VendorError as err:
            house.seams.at(f"call.answered:{call.operation}")
            self._answered(request_id, status=err.status, body=None, started=started, error=str(err))
            raise
        house.seams.at(f"call.answered:{call.operation}")
        error = None if status < 400 else f"status {status}"
        self._answered(request_id, status=status, body=None if call.secret else body, started=started, error=error)
        self._hear(call, status=status, headers=headers, request_id=request_id)
        return Answer(status=status, headers=headers, body=body, request_id=request_id)

    def _answered(self, request_id: str, *, status: int | None, body: bytes | None, started: float, error: str | None) -> None:
        seconds = self.house.clock.monotonic() - started
        self.house.recorder.answered(request_id, status=status, body=body, seconds=seconds, error=error)

    def _exchange(self, call: Call, request_id: str, *, started: float) -> tuple[int, Mapping[str, str], bytes]:
        headers = {
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            "X-Request-Id": request_id,
            **call.headers,
        }
        try:
            response = self._session().request(
                call.method,
                call.full_url,
                data=call.body,
                headers=headers,
                timeout=(CONNECT_SECONDS, call.timeout_seconds),
                allow_redirects=False,
                stream=True,
                auth=_NoNetrc(),
            )
            with response:
                # A failure while the body comes must still tell us the vendor's time.
                self.clock.hear(response.headers.get("Date"))
                deadline = started + CONNECT_SECONDS + call.timeout_seconds
                body = wire.read_body(response, deadline=deadline, monotonic=self.house.clock.monotonic)
                return response.status_code, {name.lower(): value for name, value in response.headers.items()}, body
        except requests.RequestException as err:
            raise wire.lost(err, system=self.system, operation=call.operation, writes=call.writes, request_id=request_id) from err
        except wire.BodyError as err:
            family = Indeterminate if call.writes else wire.body_family(err)
            raise family(f"{self.system} {call.operation}: {err}", request_id=request_id) from err

    def _hear(self, call: Call, *, status: int, headers: Mapping[str, str], request_id: str) -> None:
        budget, bucket = self.house.budget, call.bucket
        if bucket is not None and self._rate_headers is not None:
            limit, remaining = (wire.whole_number(headers.get(name)) for name in self._rate_headers)
            if limit is not None or remaining is not None:
                budget.observed(bucket, limit=limit, remaining=remaining)
        if status == 429:
            until = self._blocked_until(headers, self.clock)
            if bucket is not None:
                budget.blocked(bucket, until=until, vendor_now=self.clock.now())
            raise RateLimited(
                f"{self.system} answered 429 to {call.operation}; calls may be sent again from {until.isoformat()} by its clock",
                bucket=bucket or str(self.system),
                until=self.clock.by_ours(until),
                status=429,
                request_id=request_id,
            )

    def _judge(self, call: Call, answer: Answer) -> Answer:
        where = f"{self.system} {call.operation}"
        if answer.status == 403:
            text = f"{where}: 403, a permission or scope is missing: {wire.excerpt(answer.body)}"
            raise Forbidden(text, status=403, request_id=answer.request_id)
        if answer.status >= 500:
            raise wire.server_error(answer.status, answer.body, where=where, writes=call.writes, request_id=answer.request_id)
        if not answer.body.strip():
            return answer
        try:
            return replace(answer, data=wire.parsed(answer.body))
        except ValueError as err:
            raise wire.unreadable(answer.status, answer.body, where=where, writes=call.writes, request_id=answer.request_id) from err

    def _session(self) -> requests.Session:
        """One a thread; a forked child must not share its parent's sockets."""
        session = getattr(self._local, "session", None)
        if session is None or self._local.pid != os.getpid():
            session = _OneStep()
            adapter = self.house.adapter or HTTPAdapter(pool_connections=2, pool_maxsize=4, max_retries=0)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            self._local.session, self._local.pid = session, os.getpid()
        return session

    def close(self) -> None:
        session = getattr(self._local, "session", None)
        if session is not None:
            session.close()
            self._local.session = None
