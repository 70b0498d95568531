"""Keeps Administrate and Cornerstone OnDemand in step, in both directions."""

__version__ = "0.1.0"
