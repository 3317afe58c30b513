"""What all commands share: two options, and errors as one line on standard error with exit code 2."""

from __future__ import annotations

import sys

import click

from dbram_baseline.errors import BaselineError
from dbram_baseline.networks.device import PRECISIONS
from subsynth import SubsynthError

WIDE = {"max_content_width": 100}  # characters of a line of --help

precision_option = click.option(
    "--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True, help="Precision of the network."
)
device_option = click.option(
    "--device", "device_name", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ..."
)


def run_command(command: click.Command) -> None:
    """Run a command; an error becomes one line on standard error and exit code 2."""
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
