"""The words both sides share: records, keys, readings, outcomes, reasons. Frozen values, no I/O."""
