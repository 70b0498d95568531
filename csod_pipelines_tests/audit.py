"""`make audit`: the locked packages among the known vulnerabilities. Exits 3 where nothing could be looked up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
NOT_AUDITED = 3
ANSWER_SECONDS = 600.0


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), "--require-hashes", "--disable-pip", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        sys.stdout.write(f"not audited here: no answer in {ANSWER_SECONDS:.0f} s\n")
        return NOT_AUDITED
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        sys.stdout.write(f"not audited here: {last[0]}\n")
        return NOT_AUDITED
    affected = [row for row in found if row.get("vulns")]
    for row in affected:
        sys.stdout.write(f"{row['name']} {row['version']}: {', '.join(vuln['id'] for vuln in row['vulns'])}\n")
    sys.stdout.write(f"{len(found)} packages looked up, {len(affected)} with known vulnerabilities\n")
    return 1 if affected else 0


if __name__ == "__main__":
    sys.exit(main())
