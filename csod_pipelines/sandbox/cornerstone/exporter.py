"""Data Exporter API: ``/services/api/x/dataexporter/api/objects``."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call
from csod_pipelines.sandbox.cornerstone.feed import Feed
from csod_pipelines.sandbox.cornerstone.feed_pages import Service, serve
from csod_pipelines.sandbox.cornerstone.feeds import OBJECTS
from csod_pipelines.sandbox.cornerstone.portal import Portal

PATH = "/services/api/x/dataexporter/api/objects"
_EDM = {
    "int": "Edm.Int64",
    "number": "Edm.Double",
    "text": "Edm.String",
    "guid": "Edm.Guid",
    "bool": "Edm.Boolean",
    "instant": "Edm.DateTimeOffset",
}


def read(portal: Portal, call: Call) -> Answer:
    feed = OBJECTS.get(call.params["object"])
    if feed is None:
        raise ApiError(404, f"Object {call.params['object']} not found")
    if not portal.settings["data_exporter"]:
        raise ApiError(404, "Not found")
    settings = portal.settings
    service = Service(path=PATH, lag_seconds=settings["exporter_lag_seconds"], tracks=settings["data_exporter_delta"])
    return serve(portal, call, feed, service)


def catalogue(portal: Portal, call: Call) -> Answer:
    rows = [{"name": name, "kind": "EntitySet", "url": name} for name in OBJECTS]
    return Answer(body={"@odata.context": f"{call.base}{PATH}/$metadata", "value": rows}, effects=call.effect())


def metadata(portal: Portal, call: Call) -> Answer:
    body = metadata_xml(OBJECTS, tracked=True)
    return Answer(body=body.encode(), headers={"content-type": "application/xml"}, effects=call.effect())


_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM_NAMESPACE = "http://docs.oasis-open.org/odata/ns/edm"


def metadata_xml(feeds: dict[str, Feed], *, tracked: bool) -> str:
    """Keys, field types, which fields may be filtered, and whether changes are tracked."""
    types = "".join(_entity_type(feed) for feed in feeds.values())
    sets = "".join(_entity_set(feed, tracked=tracked and feed.tracked) for feed in feeds.values())
    container = f'<EntityContainer Name="Container">{sets}</EntityContainer>'
    schema = f'<Schema Namespace="csod" xmlns="{_EDM_NAMESPACE}">{types}{container}</Schema>'
    services = f"<edmx:DataServices>{schema}</edmx:DataServices>"
    return f'<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="4.0" xmlns:edmx="{_EDMX}">{services}</edmx:Edmx>'


def _entity_type(feed: Feed) -> str:
    keys = "".join(f"<PropertyRef Name={quoteattr(name)}/>" for name in feed.key)
    properties = "".join(_property(feed, name, kind) for name, kind in feed.fields.items())
    return f"<EntityType Name={quoteattr(feed.name)}><Key>{keys}</Key>{properties}</EntityType>"


def _entity_set(feed: Feed, *, tracked: bool) -> str:
    value = f'<PropertyValue Property="Supported" Bool="{str(tracked).lower()}"/>'
    note = f'<Annotation Term="Org.OData.Capabilities.V1.ChangeTracking"><Record>{value}</Record></Annotation>'
    return f'<EntitySet Name={quoteattr(feed.name)} EntityType="csod.{feed.name}">{note}</EntitySet>'


def _property(feed: Feed, name: str, kind: str) -> str:
    indexed = feed.indexed is None or name in feed.indexed
    note = '<Annotation Term="csod.Indexed" Bool="true"/>' if indexed else ""
    return f'<Property Name={quoteattr(name)} Type="{_EDM[kind]}" Nullable="{str(name not in feed.key).lower()}">{note}</Property>'
