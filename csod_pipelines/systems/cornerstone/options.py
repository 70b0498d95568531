"""What a Cornerstone adapter must be told: the portal, who acts there, and for whom new training is meant."""

from __future__ import annotations

from dataclasses import dataclass, field

from csod_pipelines.systems.tokens import Secret

#: Fixed type ids (csod.dev, organizational units).
CORPORATION, DIVISION, LOCATION = 1, 2, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """One availability of new training. ``ref`` is the external id of an OU or, without ``ou_type``, of a user."""

    ref: str
    ou_type: str | None = "Division"
    include_subs: bool = True
    pre_approved: bool = True
    register_upon_approval: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CornerstoneOptions:
    """``actor``: external id of the service account. ``org_unit_types``: OU types in scope; ``person_ou_type``: the one
    that gives a contact its account. ``pilot_group``: internal id of a group OU; each user tells whether he is in it.
    ``account_time_zone``: the portal's label, for parts without a place.
    ``audience``: whom new training is meant for; else ``audience_ous``, internal ids of OUs; else everybody.
    ``virtual_location``: internal id of the place of parts without one. ``languages``: ids such as fr-FR.
    ``enrollment_route``: assignment (asynchronous, batches) or transcript (one user a call)."""

    base_url: str
    client_id: str
    client_secret: Secret = field(repr=False)
    actor: str
    portal: str = "portal"
    scope: str = "all"
    audience: tuple[Audience, ...] = ()
    audience_ous: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en-US",)
    provider: str | None = None
    org_unit_types: tuple[int, ...] = (DIVISION,)
    person_ou_type: int = DIVISION
    pilot_group: str | None = None
    virtual_location: str | None = None
    account_time_zone: str = "(UTC) Coordinated Universal Time"
    display_language: str | None = None
    time_zone: str | None = None
    enrollment_route: str = "assignment"
    assignment_users: int = 500
    list_page_size: int = 100
    export_page_size: int = 10_000
    timeout_seconds: float = 30.0
    export_timeout_seconds: float = 120.0
