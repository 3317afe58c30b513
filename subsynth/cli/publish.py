"""The command that publishes a data set: publish."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from subsynth.cli.progress import ProgressBar
from subsynth.core.main_guard import exit_at_once_on_interrupt
from subsynth.core.terminal import echo, one_line

if TYPE_CHECKING:
    from subsynth.publish.changes import Changes
    from subsynth.publish.hub import Published


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--repo", required=True, metavar="NAMESPACE/NAME", help="Repository on the hub to publish to, such as you/sub_en."
)
@click.option("--private", is_flag=True, help="Create the repository as a private one.")
@click.option("--tag", metavar="NAME", help="Tag for the published version, such as v1.0.0.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and change nothing.")
def publish(directory: Path, repo: str, private: bool, tag: str | None, dry_run: bool) -> None:
    """Publish a data set on the Hugging Face hub, or update it.

    The directory is verified first and then sent in one commit. After an interruption, the same command sends only
    what is missing; files that the hub has already are neither sent nor committed again. The hub's client reads the
    endpoint and the token from HF_ENDPOINT, HF_TOKEN or `hf auth login`.

    \b
    Examples:
      subsynth publish sub_en --repo you/sub_en --dry-run
      subsynth publish sub_en --repo you/sub_en --tag v1.0.0
    """
    from subsynth.publish import hub  # noqa: PLC0415 - importing the hub's client takes half a second

    # Threads of the hub's client would first finish their uploads. An upload that is cut off does no harm.
    exit_at_once_on_interrupt(f"stopped; the same command sends what is missing to {repo}")
    with ProgressBar("verifying", " rows") as rows, ProgressBar(repo, "B", scaled=True) as upload:
        if dry_run:
            changes = hub.preview_changes(directory, repo, private, tag, rows, upload)
        else:
            published = hub.publish(directory, repo, private, tag, rows, upload)
    echo(_planned(changes, repo, private, tag) if dry_run else _done(published, repo))


def _planned(changes: Changes, repo: str, private: bool, tag: str | None) -> str:
    """What --dry-run prints."""
    lines = [f"send    {one_line(file.path)}  {file.size / 1e6:,.3f} MB" for file in changes.send]
    lines += [f"delete  {one_line(path)}" for path in changes.delete]
    created = f", to be created{' as a private one' if private else ''}" if changes.new else ""
    lines.append(f"{_counts(changes)} would go to {repo}{created}" + (f", tagged {tag}" if tag else ""))
    return "\n".join(lines)


def _done(published: Published, repo: str) -> str:
    commit = published.commit[:12]
    if published.changes:
        return f"published {_counts(published.changes)} to {repo}, commit {commit}"
    return f"{repo} is up to date: nothing sent, nothing committed ({commit})"


def _counts(changes: Changes) -> str:
    deleted = f", without {len(changes.delete)} that are no longer part of it" if changes.delete else ""
    return f"{len(changes.send)} files, {changes.bytes / 1e6:,.1f} MB{deleted}"
