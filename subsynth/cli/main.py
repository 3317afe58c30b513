"""The `subsynth` command: the group of all commands, and how errors end it."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from subsynth.cli import inspect, publish, render
from subsynth.core.errors import SubsynthError
from subsynth.core.version import __version__


@click.group(context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="subsynth")
def cli() -> None:
    """Generate data sets of synthetic subtitle images with exact binary ground truth."""


for command in (
    render.render,
    render.merge,
    render.spec,
    render.prepare,
    inspect.preview,
    inspect.stats,
    inspect.verify,
    publish.publish,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line. An error is one line on standard error and exit code 2; Ctrl-C is exit code 130."""
    try:
        cli.main(standalone_mode=False)
    except SubsynthError as error:
        _fail(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        _fail(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)


def _fail(message: str) -> NoReturn:
    click.echo("subsynth: error: " + " ".join(message.split()), err=True)
    sys.exit(2)
