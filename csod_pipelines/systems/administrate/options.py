"""What an Administrate adapter must be told: where the instance is, who we are there, and how large a batch may be."""

from __future__ import annotations

from dataclasses import dataclass, field

from csod_pipelines.systems.tokens import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrateOptions:
    """``auth_url`` and ``api_url`` may be given with or without the vendor's usual path.

    ``intent_field``: label of a custom field (account and contact) that keeps our marker where the instance has it.
    ``status_field``: label of the custom field that holds "inactive" where the vendor has no flag of its own.
    """

    auth_url: str
    api_url: str
    client_id: str
    client_secret: Secret = field(repr=False)
    ui_url: str | None = None
    instance: str = ""
    region: str | None = None
    vendor_field: str = "training_provider"
    intent_field: str = "csod_pipelines_intent"
    status_field: str = "Cornerstone status"
    batch_size: int = 50
    page_size: int = 100
    timeout_seconds: float = 30.0
    batch_timeout_seconds: float = 60.0
    feed_overlap_seconds: int = 120
