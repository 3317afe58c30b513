"""Preparation: fonts, pictures and films packed into the cache, and kernels compiled, before a large run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from subsynth.assets import backgrounds, film_frames, glyph_pack, listing
from subsynth.assets.assets import shared_assets
from subsynth.assets.film_frames import Report
from subsynth.core.progress import NoProgress, Progress
from subsynth.kernels import compilation
from subsynth.spec.spec import Spec

PACK_FROM = 200  # samples; a smaller run opens only the glyphs and pictures that it needs
COMPILE_FROM = 2000  # samples; for fewer, compiling kernels takes longer than drawing with the plain functions
FILM_UNITS = 100  # of progress, for a film; any other step is one unit


class _Step(NamedTuple):
    """A step, its size in units of progress, and the function that does it; it reports the share that is done."""

    name: str
    units: int
    run: Callable[[Report], object]


def prepare(spec: Spec, samples: int, progress: Progress | None = None) -> None:
    """Fill the cache for a number of samples.

    Films are prepared for any number, fonts and pictures from PACK_FROM samples, kernels from COMPILE_FROM. Progress
    counts units of work; its messages are the names of the steps. Anything that is not prepared is opened when it is
    needed, and drawn without kernels: more slowly, with the same result. Raises MaterialError for unusable assets.
    """
    progress = progress or NoProgress()
    steps = _film_steps(spec) + (_packing_steps(spec) if samples >= PACK_FROM else [])
    child = compilation.start() if samples >= COMPILE_FROM else None
    try:
        if child is not None:  # runs in parallel with the other steps
            steps.append(_step("compiling, once for this machine", partial(compilation.finish, child)))
        if steps:
            progress.start(sum(step.units for step in steps))
            for step in steps:
                _run(step, progress)
            shared_assets.cache_clear()  # assets that were opened before are opened again, from the cache
    finally:
        if child is not None and child.poll() is None:
            child.terminate()
            child.wait()


def _run(step: _Step, progress: Progress) -> None:
    """Run a step, and report its progress in whole units."""
    done = 0

    def report(share: float) -> None:
        nonlocal done
        units = min(step.units, int(share * step.units))
        progress.advance(units - done)
        done = units

    progress.message(step.name)
    step.run(report)
    report(1.0)


def _step(name: str, run: Callable[[], object]) -> _Step:
    """A step that reports nothing before it is done."""
    return _Step(name, 1, lambda report: run())


def _film_steps(spec: Spec) -> list[_Step]:
    """The steps for the films whose frames are not in the cache yet."""
    return [
        _Step(
            f"frames of {film.name}",
            FILM_UNITS,
            partial(film_frames.prepare_film, film, spec.width, spec.height),
        )
        for film in listing.films_of(spec)
        if not film_frames.is_prepared(film, spec.width, spec.height)
    ]


def _packing_steps(spec: Spec) -> list[_Step]:
    """The steps for the fonts and pictures that are not in the cache yet."""
    steps = [
        _step(face.name, partial(glyph_pack.pack_face, face))
        for face in listing.all_faces(spec)
        if not glyph_pack.is_packed(face) and glyph_pack.is_worth_packing(face)
    ]
    if spec.background.videos and not spec.background.folders:
        return steps  # which pictures are used depends on the frames of the films
    for test in (False, True):
        pictures = listing.pictures_of(spec, test)
        if pictures and not backgrounds.is_packed(pictures, spec.width, spec.height):
            name = f"{len(pictures)} {'test' if test else 'train'} pictures"
            steps.append(_step(name, partial(backgrounds.pack_pictures, pictures, spec.width, spec.height)))
    return steps
