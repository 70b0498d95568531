"""`csod-pipelines`: the command line, put together. Each group of commands is one file of ``commands``.

Exit codes: 0 done, 1 failed, 2 `plan` found changes it would write, 64 wrong usage or a missing setting.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from csod_pipelines.commands import database, doctor, house, importing, ledger, links, look, parked, plan, sandbox, switches, webhooks
from csod_pipelines.commands.show import Failed
from csod_pipelines.house.home import HouseNotRunning, HouseRunning
from csod_pipelines.settings import SettingsError

EXIT_FAILED = 1
EXIT_USAGE = 64
_CLICK_USAGE = 2

app = typer.Typer(
    name="csod-pipelines",
    help="Keeps Administrate and Cornerstone OnDemand in step.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for group in (house, look, plan, importing, parked, switches, ledger, doctor):
    group.register(app)
app.add_typer(links.app, name="links")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(database.app, name="db")


def main(argv: Sequence[str] | None = None) -> None:
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """The exit code of a command line. What is not ours to explain is left to rise with its traceback."""
    try:
        return app(list(argv), standalone_mode=False, prog_name="csod-pipelines") or 0
    except TyperException as err:
        show = getattr(err, "show", None)
        if callable(show):
            show()
        else:
            print(err.format_message(), file=sys.stderr)  # noqa: T201
        return EXIT_USAGE if err.exit_code == _CLICK_USAGE else err.exit_code
    except SettingsError as err:
        print(err, file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    except (Failed, HouseNotRunning, HouseRunning) as err:
        print(err, file=sys.stderr)  # noqa: T201
        return EXIT_FAILED
    except (KeyboardInterrupt, typer.Abort):
        return 130


if __name__ == "__main__":
    main()
