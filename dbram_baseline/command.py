"""What all commands share: two options, and how they run."""

from __future__ import annotations

from typing import NoReturn

import click

from dbram_baseline.networks.device import PRECISIONS
from subsynth.core import main_guard

WIDE = {"max_content_width": 100}  # characters of a line of --help

precision_option = click.option(
    "--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True, help="Precision of the network."
)
device_option = click.option(
    "--device", "device_name", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ..."
)


def run_command(command: click.Command) -> NoReturn:
    """Run a command with the arguments of the process, and end the process; an error is one line, exit code 2."""
    main_guard.run_command(str(command.name), lambda: command, usage=f"python -m dbram_baseline.{command.name}")
