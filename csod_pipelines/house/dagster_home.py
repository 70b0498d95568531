"""DAGSTER_HOME of a house: the project's dagster.yaml, and a workspace that names the house's one code server.

One server for web page, daemon and runs: each would start one of its own otherwise, and pay two seconds of imports and
a hundred megabytes for it. It listens on a socket in a private folder, since whoever reaches it can start runs.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from csod_pipelines.house.home import Home

DEFINITIONS = "csod_pipelines.definitions"
SOURCE = Path(__file__).parents[2] / "dagster.yaml"


def prepare(home: Home) -> Path:
    """Write both files; returns the path of the code server's socket."""
    shutil.copyfile(SOURCE, home.dagster / "dagster.yaml")
    # A socket's path may have 107 bytes, which a deep home exceeds.
    socket = Path(tempfile.mkdtemp(prefix="csod-code-")) / "code.sock"
    workspace = f"load_from:\n  - grpc_server:\n      socket: {socket}\n      location_name: {DEFINITIONS}\n"
    (home.dagster / "workspace.yaml").write_text(workspace, encoding="utf-8")
    return socket


def code_server(socket: Path) -> list[str]:
    arguments = ["--module-name", DEFINITIONS, "--location-name", DEFINITIONS, "--socket", str(socket), "--log-level", "warning"]
    return [sys.executable, "-m", "dagster", "api", "grpc", *arguments, "--use-python-environment-entry-point", "--max-workers", "16"]


def webserver(home: Home, *, port: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--workspace", str(home.dagster / "workspace.yaml")]
    return [sys.executable, "-m", "dagster_webserver", *where, "--suppress-warnings", "--dagster-log-level", "warning"]


def daemon(home: Home) -> list[str]:
    # A line a tick and sensor would be 15 MB a day; the ticks stand in Dagster's own pages.
    workspace = str(home.dagster / "workspace.yaml")
    return [sys.executable, "-m", "dagster._daemon", "run", "--workspace", workspace, "--log-level", "warning"]
