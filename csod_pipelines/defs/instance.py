"""Several installations in one Dagster: the name of each goes before its asset keys (CSOD_PIPELINES_INSTANCE)."""

import warnings
from collections.abc import Sequence

import dagster as dg


def in_instance(
    instance: str, *, assets: Sequence[dg.AssetSpec | dg.AssetsDefinition], checks: Sequence[dg.AssetChecksDefinition]
) -> tuple[list[dg.AssetSpec | dg.AssetsDefinition], list[dg.AssetChecksDefinition]]:
    """The same assets and checks under ``instance/...``; unchanged where the name is empty. Ops keep their names."""
    if not instance:
        return list(assets), list(checks)
    owned = {key for asset in assets for key in ([asset.key] if isinstance(asset, dg.AssetSpec) else asset.keys)}
    renamed = {key: key.with_prefix(instance) for key in owned}
    return [_renamed(asset, renamed) for asset in assets], [_renamed_check(check, renamed) for check in checks]


def _renamed(asset: dg.AssetSpec | dg.AssetsDefinition, renamed: dict[dg.AssetKey, dg.AssetKey]) -> dg.AssetSpec | dg.AssetsDefinition:
    if isinstance(asset, dg.AssetSpec):
        return asset.replace_attributes(key=renamed[asset.key])
    with warnings.catch_warnings():
        # Copying a definition passes on a parameter of its own that Dagster still calls beta.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return asset.with_attributes(asset_key_replacements=renamed)


def _renamed_check(check: dg.AssetChecksDefinition, renamed: dict[dg.AssetKey, dg.AssetKey]) -> dg.AssetChecksDefinition:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.AssetChecksDefinition(**check.with_attributes(asset_key_replacements=renamed).get_attributes_dict())
