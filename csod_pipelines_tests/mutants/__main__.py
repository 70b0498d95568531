"""`make mutants`: change `csod_pipelines/sync` in every small way, and count the changes that no fast test notices.

    python -m csod_pipelines_tests.mutants [--only plan.py] [--line 79]

Survivors that cannot be killed stand in ``survivors.yaml``, each with its reason. Ends with 1 when fewer than 95 % are killed,
or one survives that is not listed there, or one listed there is killed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from csod_pipelines_tests.mutants.mutate import Mutant, mutants_of
from csod_pipelines_tests.mutants.trial import killed, preload

ROOT = Path(__file__).parents[2]
SYNC = ROOT / "csod_pipelines" / "sync"
UNIT = ROOT / "csod_pipelines_tests" / "unit"
TESTS = [str(UNIT / "sync"), str(UNIT / "test_normalise.py")]
#: A module's own tests come first: they kill most of its mutants, and quickly.
FIRST = {
    "normalise.py": [str(UNIT / "test_normalise.py")],
    "roster.py": [str(UNIT / "sync" / "test_outcomes.py"), str(UNIT / "sync" / "test_places.py")],
}
SURVIVORS = Path(__file__).parent / "survivors.yaml"
LEAST_KILLED = 0.95


def reasons() -> dict[str, str]:
    """Mutant -> why it may live. A mutant is named by its module, the text of its line and the change."""
    return {row["mutant"]: row["reason"] for row in yaml.safe_load(SURVIVORS.read_text(encoding="utf-8")) or []}


def first_of(module: str) -> list[str]:
    own = UNIT / "sync" / f"test_{module}"
    return FIRST.get(module, [str(own)] if own.exists() else [])


def key(mutant: Mutant) -> str:
    return f"{mutant.module}: {mutant.text} | {mutant.what}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m csod_pipelines_tests.mutants", description=__doc__)
    parser.add_argument("--only", help="one module, such as plan.py")
    parser.add_argument("--line", type=int)
    given = parser.parse_args(arguments)
    files = [SYNC / given.only] if given.only else sorted(SYNC.glob("*.py"))
    mutants = [m for file in files for m in mutants_of(file.read_text(encoding="utf-8"), module=file.name)]
    mutants = [m for m in mutants if given.line in (None, m.line)]
    preload()
    if killed(None, [], TESTS):
        sys.stdout.write("the tests fail without any change\n")
        return 1
    started = time.monotonic()
    alive = []
    for mutant in mutants:
        if not killed(mutant, first_of(mutant.module), TESTS):
            alive.append(mutant)
            sys.stdout.write(f"lives: {mutant.name}\n    {key(mutant)}\n")
            sys.stdout.flush()
    return _summed_up(mutants, alive, seconds=time.monotonic() - started)


def _summed_up(mutants: Sequence[Mutant], alive: Sequence[Mutant], *, seconds: float) -> int:
    explained, living = reasons(), {key(m) for m in alive}
    tried = {key(m) for m in mutants}
    unexplained = [m for m in alive if key(m) not in explained]
    stale = sorted(k for k in explained if k in tried and k not in living)
    share = 1 - len(alive) / max(1, len(mutants))
    sys.stdout.write(
        f"{len(mutants)} mutants in {seconds:.0f} s: {len(mutants) - len(alive)} killed ({share:.1%}), {len(alive)} live, "
        f"{len(unexplained)} of them without a reason\n"
    )
    for name in stale:
        sys.stdout.write(f"listed in {SURVIVORS.name}, and killed: {name}\n")
    return 0 if share >= LEAST_KILLED and not unexplained and not stale else 1


if __name__ == "__main__":
    sys.exit(main())
