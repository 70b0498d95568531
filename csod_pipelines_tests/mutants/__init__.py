"""Mutation testing of `csod_pipelines/sync`: every small change of a rule must make a fast test fail."""

from __future__ import annotations
