"""The entry point of `subsynth`. It imports the rest where errors and Ctrl-C are handled, and nothing before."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # not from typing, whose import takes longer than this module's
if TYPE_CHECKING:
    import click


def main() -> None:
    """Run the command line. An error is one line on standard error and exit code 2; Ctrl-C is exit code 130."""
    try:
        from subsynth.core.main_guard import run_command  # noqa: PLC0415 - Ctrl-C may come while it is imported
    except KeyboardInterrupt:
        os.write(2, b"stopped\n")
        os._exit(130)
    run_command("subsynth", _load)


def _load() -> click.Command:
    # Arrow's own memory pool takes a gigabyte of addresses, which a limited process does not have.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Linear algebra is not used; the threads that OpenBLAS starts when it is imported would take addresses too.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from subsynth.cli.commands import cli  # noqa: PLC0415 - imports most of the package

    return cli
