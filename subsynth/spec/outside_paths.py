"""Outside paths: the files outside of a data set that its own spec names.

A spec.yaml may come from an untrusted source. The fonts, texts, pictures and films that it names are opened to render
rows again, so files outside of its directory are opened only if the user allows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from subsynth.core.errors import OutputError
from subsynth.core.terminal import one_line
from subsynth.spec.spec import Spec

FLAG = "--trust-paths"
_MAX_NAMED = 3  # paths that a message lists; the rest are counted


def paths_outside(spec: Spec, directory: Path | None) -> list[str]:
    """The paths of a spec that lead out of its directory, each with its key. None: no directory, all paths do."""
    named = [("text.files", path) for path in spec.text.files]
    named += [("fonts.files", path) for path in spec.fonts.files]
    named += [("fonts.unseen_files", path) for path in spec.fonts.unseen_files]
    named += [("background.folders", path) for path in spec.background.folders]
    named += [("background.videos", path) for path in spec.background.videos]
    root = None if directory is None else directory.resolve()
    return [
        f"{key} {path}" for key, path in named if root is None or not _is_inside(path, root, key.startswith("fonts."))
    ]


def check_paths(spec: Spec, directory: Path | None, name: str, trust_paths: bool) -> None:
    """Raise OutputError if the spec of the data set `name` names files outside of it, unless these are trusted."""
    outside = paths_outside(spec, directory)
    if outside and not trust_paths:
        raise OutputError(f"{name}: {describe(outside)}; add {FLAG} if you trust it to open them")


def describe(outside: list[str]) -> str:
    """One phrase that names the paths."""
    more = f" and {len(outside) - _MAX_NAMED:,} more" if outside[_MAX_NAMED:] else ""
    paths = ", ".join(one_line(path, 100) for path in outside[:_MAX_NAMED])
    return f"its spec.yaml names files outside of it ({paths}{more})"


def _is_inside(path: str, root: Path, is_font: bool) -> bool:
    """Whether a file or a folder with its contents is inside a folder, after links are resolved.

    Fonts alone may be patterns, and have the number of a face or a variation after "#".
    """
    try:
        target = Path(path.partition("#")[0] if is_font else path).expanduser()
        if is_font and any(character in path for character in "*?[") and not target.exists():
            parent = next(p for p in target.parents if not any(character in str(p) for character in "*?["))
            return _is_inside(str(parent), root, is_font)
        return all(p.resolve().is_relative_to(root) for p in (target, *_files_in(target)))
    except (OSError, RuntimeError, ValueError):  # no home folder, a loop of links, a NUL
        return False


def _files_in(folder: Path) -> Iterator[Path]:
    return folder.rglob("*") if folder.is_dir() and not folder.is_symlink() else iter(())
