"""The house's PostgreSQL: the embedded server, or the managed one that the settings name."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from csod_pipelines.house.home import Home
from csod_pipelines.settings import Settings
from csod_pipelines.store.embedded import EmbeddedServer
from csod_pipelines.store.provision import Urls, provision

WORLD = "sandbox-world"


class HouseDatabase:
    """``start`` returns the addresses; ``stop`` ends the server if it is ours."""

    def __init__(self, settings: Settings, *, home: Home, say: Callable[[str], None]) -> None:
        self._settings, self._home, self._say = settings, home, say
        self._server: EmbeddedServer | None = None

    def start(self, *, sandboxes: bool) -> Urls:
        settings = self._settings
        if settings.database_url and settings.gateway_database_url and settings.dagster_database_url:
            # All roles are given: somebody provisioned this server, and its schema, by `csod-pipelines db migrate`.
            return Urls(
                owner=settings.database_url,
                engine=settings.database_url,
                gateway=settings.gateway_database_url,
                auditor=settings.auditor_database_url or settings.database_url,
                dagster=settings.dagster_database_url,
            )
        if settings.database_url:
            return provision(settings.database_url, secrets=self._home.database_passwords)
        self._put_old_world_aside(sandboxes=sandboxes)
        self._server = EmbeddedServer(self._home.path)
        self._server.start()
        return provision(self._server.admin_url, secrets=self._home.database_passwords)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def _put_old_world_aside(self, *, sandboxes: bool) -> None:
        """Sandboxes forget everything when they stop. A ledger of records that no longer exist would park the new ones. Only a
        database that began with sandboxes bears their mark: one of live portals is left where it is, whoever starts on it."""
        marker = self._home.path / WORLD
        data = self._home.path / "postgres"
        if marker.exists() and data.exists():
            self._stop_left_behind()
            previous = self._home.path / "postgres.previous"
            shutil.rmtree(previous, ignore_errors=True)
            data.rename(previous)
            self._say(f"the sandboxes of the last house are gone, so the database begins anew; the last one is kept in {previous}")
        marker.unlink(missing_ok=True)
        if sandboxes and not data.exists():
            marker.touch()

    def _stop_left_behind(self) -> None:
        """A server that outlived its house writes on in a folder that is renamed under it."""
        server = EmbeddedServer(self._home.path)
        if server.running():
            server.start()  # takes the ownership that its dead house had
            server.stop()
