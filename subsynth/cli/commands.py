"""The group of all commands of `subsynth`. The module of a command is imported when the command is used."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import click

from subsynth.core.version import __version__


class _Place(NamedTuple):
    """Where a command is defined, and its summary, which is the first sentence of its help."""

    module: str
    summary: str


PLACES = {
    "binarize": _Place("binarize", "Separate burned-in subtitles from pictures and films."),
    "languages": _Place("languages", "List the languages, with their fonts and their text."),
    "merge": _Place("render", "Complete a data set whose shards were rendered by several ranks."),
    "prepare": _Place("render", "Fill the cache with fonts, pictures, films and compiled kernels."),
    "preview": _Place("inspect", "Draw a contact sheet of samples, or the layers of one sample."),
    "publish": _Place("publish", "Publish a data set on the Hugging Face hub, or update it."),
    "render": _Place("render", "Render a data set as parquet files with a card and a manifest."),
    "spec": _Place("render", "Print the full spec as YAML, with the unit of each key."),
    "stats": _Place("inspect", "Show the distributions of a data set as a table and as plots."),
    "verify": _Place("inspect", "Check the files, columns, pixels and splits of a data set."),
}


class _Commands(click.Group):
    """A group whose help needs no command's module: most take longer to import than to show it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None if there is none."""
        if cmd_name not in PLACES:
            return None
        command = getattr(import_module(f"subsynth.cli.{PLACES[cmd_name].module}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands into a help text."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in PLACES.items()])


@click.group(cls=_Commands, context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="subsynth")
def cli() -> None:
    """Generate data sets of synthetic subtitle images with exact binary ground truth."""
