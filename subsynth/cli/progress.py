"""Progress bars on standard error; where it is not a terminal, only messages are written."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import NoReturn, Self

from tqdm import tqdm

from subsynth.assets import preparation
from subsynth.core.terminal import echo_error, one_line
from subsynth.spec.spec import Spec

MAX_LABEL = 60  # characters beside a bar


class ProgressBar:
    """A `Progress` drawn by tqdm; a context manager that closes the bar. `scaled` counts in kB, MB, ..."""

    leave = True  # the finished bar stays on the screen

    def __init__(self, description: str, unit: str, scaled: bool = False):
        self.description, self.unit, self.scaled = one_line(description, MAX_LABEL), unit, scaled
        self._remaining = 0
        self._bar: tqdm[NoReturn] | None = None

    def start(self, total: int, done: int = 0) -> None:
        """Draw the bar, in place of an earlier one."""
        self.close()
        self._remaining = total - done
        self._bar = tqdm(
            desc=self.description,
            total=total,
            initial=done,
            unit=self.unit,
            unit_scale=self.scaled,
            smoothing=0.1,
            leave=self.leave,
            disable=not sys.stderr.isatty(),
            # tqdm hides the bar on a terminal that reports a size of 0 x 0; shutil assumes 80 columns for it.
            ncols=min(110, shutil.get_terminal_size().columns),
            nrows=20,
        )

    def advance(self, amount: int) -> None:
        """Move the bar on; it closes when the work is complete."""
        if self._bar is not None and amount:
            self._bar.update(amount)
            self._remaining -= amount
            if self._remaining <= 0:
                self.close()

    def message(self, text: str) -> None:
        """Write a line above the bar."""
        echo_error(text)

    def close(self) -> None:
        """Stop drawing; the bar stays on the screen as it is, if `leave`."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StepsBar(ProgressBar):
    """A bar over named steps, which are shown behind it; it disappears when they are done."""

    leave = False

    def message(self, text: str) -> None:
        """Show the name of the step that runs."""
        if self._bar is not None:
            self._bar.set_postfix_str(one_line(text, MAX_LABEL))


def prepare_assets(spec: Spec, samples: int) -> None:
    """Fill the cache for a number of samples, with a bar over the steps."""
    with StepsBar("preparing", "") as progress:
        preparation.prepare(spec, samples, progress)
