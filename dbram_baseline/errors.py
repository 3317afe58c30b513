"""Bad input, said in one line: the value, where it came from, and the cure; exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click


class BaselineError(Exception):
    """Bad input or a bad environment. The message is one line, meant for the user."""


def run(command: click.Command) -> None:
    """Run a command; what goes wrong is one line on standard error and exit code 2."""
    from subsynth import SubsynthError  # noqa: PLC0415

    try:
        command.main(standalone_mode=False)
    except (BaselineError, SubsynthError) as error:
        _fail(command, str(error))
    except click.ClickException as error:
        _fail(command, error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)


def _fail(command: click.Command, message: str) -> None:
    click.echo(f"{command.name}: error: {' '.join(message.split())}", err=True)
    sys.exit(2)


Tell = Callable[[str], None]
