"""Preparation: fonts and pictures packed into the cache, and kernels compiled, before a large run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from subsynth.assets import backgrounds, glyph_pack, listing
from subsynth.assets.assets import shared_assets
from subsynth.core.progress import NoProgress, Progress
from subsynth.kernels import compilation
from subsynth.spec.spec import Spec

PACK_FROM = 200  # samples; a smaller run opens only the glyphs and pictures that it needs
COMPILE_FROM = 2000  # samples; for fewer, compiling kernels takes longer than drawing with the plain functions


def prepare(spec: Spec, samples: int, progress: Progress | None = None) -> None:
    """Fill the cache for a number of samples: fonts and pictures from PACK_FROM samples, kernels from COMPILE_FROM.

    Progress counts steps; its messages are their names. Anything that is not prepared is opened when it is needed, and
    drawn without kernels: more slowly, with the same result. Raises MaterialError for unusable assets.
    """
    if samples < PACK_FROM:
        return
    progress = progress or NoProgress()
    child = compilation.start() if samples >= COMPILE_FROM else None
    try:
        steps = _packing_steps(spec)
        if child is not None:  # runs in parallel with the other steps
            steps["compiling, once for this machine"] = partial(compilation.finish, child)
        if steps:
            progress.start(len(steps))
            for name, step in steps.items():
                progress.message(name)
                step()
                progress.advance(1)
            shared_assets.cache_clear()  # assets that were opened before are opened again, from the cache
    finally:
        if child is not None and child.poll() is None:
            child.terminate()
            child.wait()


def _packing_steps(spec: Spec) -> dict[str, Callable[[], object]]:
    """The steps for what is not in the cache yet, by name."""
    steps: dict[str, Callable[[], object]] = {}
    for face in listing.all_faces(spec):
        if not glyph_pack.is_packed(face) and glyph_pack.is_worth_packing(face):
            steps[face.name] = partial(glyph_pack.pack_face, face)
    for test in (False, True):
        pictures = listing.pictures_of(spec, test)
        if pictures and not backgrounds.is_packed(pictures, spec.width, spec.height):
            name = f"{len(pictures)} {'test' if test else 'train'} pictures"
            steps[name] = partial(backgrounds.pack_pictures, pictures, spec.width, spec.height)
    return steps
