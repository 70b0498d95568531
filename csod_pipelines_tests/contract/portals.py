"""Both vendors as their public contract describes them: plain HTTP, nothing of the house's own clients.

A portal is a sandbox on a thread of this process, or, where ``CSOD_PIPELINES_CONTRACT_*`` names one, a live one. A live portal has
no controls: what sets a stage through them raises.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import Any

import requests

NOW = "2026-07-14T10:00:05Z"  # the sandboxes' world begins here: a Tuesday, in summer time
PREFIX = "CSOD_PIPELINES_CONTRACT_"
WRITES = PREFIX + "WRITES"  # 1: a live portal is written to
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a vendor answers. ``token_url`` and ``base_url`` are Administrate's two addresses, or Cornerstone's twice."""

    vendor: str
    base_url: str
    token_url: str
    client_id: str = "sandbox"
    client_secret: str = "sandbox-secret"
    control_url: str | None = None

    @property
    def live(self) -> bool:
        return self.control_url is None


def live_address(vendor: str) -> Address | None:
    """The portal that the environment names: ``..._CORNERSTONE_URL``, or ``..._ADMINISTRATE_API_URL`` and ``_AUTH_URL``."""
    own = {name.removeprefix(f"{PREFIX}{vendor.upper()}_"): value for name, value in os.environ.items() if name.startswith(PREFIX)}
    base = own.get("URL") if vendor == "cornerstone" else own.get("API_URL")
    if not base:
        return None
    token = f"{base}/services/api/oauth2/token" if vendor == "cornerstone" else own["AUTH_URL"]
    return Address(
        vendor=vendor, base_url=base, token_url=token, client_id=own["CLIENT_ID"], client_secret=own["CLIENT_SECRET"], control_url=None
    )


def sandbox_address(vendor: str, url: str) -> Address:
    paths = {"cornerstone": ("", "/services/api/oauth2/token"), "administrate": ("/graphql", "/oauth/token")}
    base, token = paths[vendor]
    return Address(vendor=vendor, base_url=url + base, token_url=url + token, control_url=url)


class Portal:
    """What both vendors have: a token, and on a sandbox the controls."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.http = requests.Session()
        self.http.headers["Accept"] = "application/json"
        self._configured: dict[str, Any] = {}
        self._mark = uuid.uuid4().hex[:8]

    def own(self, text: str) -> str:
        """A reference nobody else has: a live portal keeps what earlier runs wrote."""
        return f"{text}-{self._mark}" if self.address.live else text

    # ---- the sandbox's controls

    def control(self, method: str, path: str, body: Any = None) -> Any:
        assert self.address.control_url is not None, "a live portal has no controls"
        answer = requests.request(method, f"{self.address.control_url}/_sandbox/{path}", json=body, timeout=120)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def reset(self) -> None:
        self.control("POST", "reset", {"seed": 1, "size": "small", "now": NOW})

    def advance(self, **by: float) -> None:
        seconds = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
        self.control("POST", "clock", {"advance": sum(seconds[unit] * count for unit, count in by.items())})

    def act(self, action: str, **arguments: Any) -> dict[str, Any]:
        return self.control("POST", "act", {"action": action, **arguments})

    def configure(self, **settings: Any) -> None:
        """Switches and knobs; put back by ``restore``."""
        before = self.control("GET", "config")
        switches = before.get("switches", {})
        for name in settings:
            self._configured.setdefault(name, switches.get(name, before.get(name)))
        self._patch(settings, switches)

    def restore(self) -> None:
        if self._configured:
            self._patch(self._configured, self.control("GET", "config").get("switches", {}))

    def _patch(self, settings: dict[str, Any], switches: dict[str, Any]) -> None:
        nested = {name: value for name, value in settings.items() if name in switches}
        plain = {name: value for name, value in settings.items() if name not in switches}
        self.control("PATCH", "config", plain | ({"switches": nested} if nested else {}))
