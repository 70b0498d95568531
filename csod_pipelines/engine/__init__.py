"""Making it happen: observe, drain, apply, import, reconcile, backfill. Knows no vendor and no Dagster."""
