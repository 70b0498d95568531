"""Stand-ins for the portal's own pages, so that a link to a user or a training opens; and XML where JSON was not asked for."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape as xml_escape

from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import learning_object, training_of
from csod_pipelines.sandbox.kit import Request, Response

_TAG = re.compile(r"[^A-Za-z0-9_.-]")


def page(portal: Portal, request: Request) -> Response | None:
    """The deep link of a learning object, the profile of a user; None for any other address."""
    path = request.path.lower()
    query = {name.lower(): values[-1] for name, values in parse_qs(request.query, max_num_fields=100).items()}
    if request.method != "GET":
        return None
    if path == "/deeplink/processredirect.aspx" and query.get("module", "").lower() == "lodetails":
        found = learning_object(portal, query.get("lo", ""))
        return _html(training_of(portal, found).title if found else None)
    if path == "/phnx/driver.aspx" and "targetuser" in query:
        number = query["targetuser"]
        user = portal.store.users.get(int(number)) if number.isdecimal() and len(number) < 19 else None
        return _html(f"{user.first_name} {user.last_name}" if user else None)
    return None


def _html(title: str | None) -> Response:
    text = escape(title) if title else "This page does not exist"
    body = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{text}</title><h1>{text}</h1></html>"
    return Response(status=200 if title else 404, headers={"content-type": "text/html; charset=utf-8"}, body=body.encode())


def as_xml(value: Any, *, tag: str = "response") -> str:
    """The legacy family is said to answer XML unless JSON is asked for; element names are the JSON keys."""
    tag = _TAG.sub("_", tag) or "item"
    tag = tag if not tag[0].isdigit() else f"_{tag}"
    if value is None:
        return f"<{tag}/>"
    if isinstance(value, dict):
        return f"<{tag}>{''.join(as_xml(item, tag=name) for name, item in value.items())}</{tag}>"
    if isinstance(value, list):
        return f"<{tag}>{''.join(as_xml(item, tag='item') for item in value)}</{tag}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{tag}>{xml_escape(text)}</{tag}>"
