"""matplotlib, set up so that plots depend on nothing of the user's, and any name can be a label."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from subsynth.core.errors import OutputError
from subsynth.core.terminal import one_line
from subsynth.data import font_catalogue

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # DejaVu Sans has it


def check_matplotlib() -> None:
    """Import matplotlib. Raises OutputError if that fails, as with a setting of the user's that it rejects."""
    try:
        import matplotlib.figure  # noqa: PLC0415 - takes a quarter of a second
        import matplotlib.font_manager  # noqa: F401, PLC0415
    except Exception as error:  # whatever matplotlib raises: ImportError, ValueError, RuntimeError
        raise OutputError(
            f"matplotlib, which draws the plots, cannot be imported ({one_line(str(error), 200)}); reinstall it, or "
            "correct MPLBACKEND and matplotlibrc"
        ) from error


@contextlib.contextmanager
def plot_settings() -> Iterator[None]:
    """Within it, plots have matplotlib's own style, fonts that have Chinese too, and no formulas between dollars."""
    check_matplotlib()
    import matplotlib as mpl  # noqa: PLC0415 - takes a quarter of a second

    families = _fonts().families
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"font.family": families, "text.parse_math": False, "text.usetex": False})
        yield


def plot_label(text: str, limit: int) -> str:
    """A name as a label of a plot: one line, cut at `limit` characters; what no font has becomes U+FFFD."""
    known = _fonts().characters
    return "".join(c if ord(c) in known else _REPLACEMENT for c in one_line(text, limit))


@dataclass(frozen=True)
class _Fonts:
    """The fonts of plots: their families, as matplotlib calls them, and the characters that they have."""

    families: tuple[str, ...]
    characters: frozenset[int]


@lru_cache(maxsize=1)
def _fonts() -> _Fonts:
    """matplotlib's own font, and one with Chinese, which is registered with matplotlib."""
    from matplotlib import font_manager, get_data_path  # noqa: PLC0415 - takes a quarter of a second
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415

    latin = str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    han = font_catalogue.bundled("Noto Sans SC")[0].path
    font_manager.fontManager.addfont(han)
    return _Fonts(
        families=("DejaVu Sans", font_manager.FontProperties(fname=han).get_name()),
        characters=frozenset(code for path in (latin, han) for code in FT2Font(path).get_charmap()),
    )
