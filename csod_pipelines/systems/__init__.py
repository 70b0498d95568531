"""The world outside: one package a system, each behind the protocol in base.py."""
