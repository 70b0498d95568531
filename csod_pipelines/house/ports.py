"""Ports of the house on 127.0.0.1: as asked for, or a free one."""

from __future__ import annotations

import socket

from csod_pipelines.settings import Settings, SettingsError, variable

HOST = "127.0.0.1"


def choose_ports(settings: Settings) -> tuple[dict[str, int], list[str]]:
    """Port by name, and notes for the operator. A port that was asked for and is taken is an error; a default is not."""
    chosen: dict[str, int] = {}
    notes: list[str] = []
    for name in ("dagster", "gateway", "administrate", "cornerstone"):
        field = f"{name}_port"
        wanted = getattr(settings, field)
        if wanted and wanted not in chosen.values() and is_free(wanted):
            chosen[name] = wanted
        elif wanted and field in settings.model_fields_set:
            raise SettingsError(f"{variable(field)}: port {wanted} is taken. Name another one, or 0 for a free one.")
        else:
            chosen[name] = free_port(besides=set(chosen.values()))
            if wanted:
                notes.append(f"port {wanted} is taken: {name} uses {chosen[name]} ({variable(field)} chooses)")
    return chosen, notes


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port(*, besides: set[int]) -> int:
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
        if port not in besides:
            return port
