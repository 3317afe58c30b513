"""The group of all commands of `subsynth`."""

from __future__ import annotations

import click

from subsynth.cli import binarize, inspect, publish, render
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
    binarize.binarize,
):
    cli.add_command(command)
