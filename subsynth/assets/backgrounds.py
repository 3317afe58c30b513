"""Backgrounds: the pictures of a spec, frames of films and procedural scenes, as scenes to crop from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from subsynth.assets import film_frames, procedural, pyramids
from subsynth.assets.pictures import Picture, decode_picture
from subsynth.assets.pyramids import FRAME_HEIGHT, FRAME_WIDTH, Level, LoadLevels
from subsynth.assets.videos import Frame
from subsynth.core import cache

PACK = "pyramid-3"  # changes with the layout of the packed arrays
PROCEDURAL_SCENES = {"train": 6, "test": 2}  # of each kind


@dataclass(frozen=True, eq=False)
class Scene:
    """A background to crop from: its name, and the function that produces its levels when they are first needed."""

    name: str
    load: LoadLevels

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The picture at its scales, the largest first."""
        return self.load()


def picture_scenes(pictures: Sequence[Picture], width: int, height: int) -> tuple[Scene, ...]:
    """Pictures as scenes for crops of width x height px: from the cache if they are packed, else decoded as needed."""
    if not pictures or not is_packed(pictures, width, height):
        return tuple(Scene(p.name, partial(_picture_levels, p, width, height)) for p in pictures)
    name = pack_name(pictures, width, height)
    loads = cache.read_entry(name, lambda folder: _pack(pictures, width, height, folder), pyramids.read_pack)
    return tuple(Scene(picture.name, load) for picture, load in zip(pictures, loads, strict=True))


def frame_scenes(frames: Sequence[Frame], width: int, height: int) -> tuple[Scene, ...]:
    """Frames of films as scenes for crops of width x height px, from the cache; films that it lacks are prepared."""
    films = dict.fromkeys(frame.film for frame in frames)
    loads = {film: film_frames.read_film(film, width, height).loads for film in films}
    return tuple(Scene(frame.name, loads[frame.film][frame.number]) for frame in frames)


def procedural_scenes(seed: int, test: bool, width: int, height: int) -> tuple[Scene, ...]:
    """Gradients, clouds, bokeh, stripes and clutter, drawn from the seed; train and test have different ones."""
    size = pyramids.level_sizes(FRAME_WIDTH, FRAME_HEIGHT, width, height)[0]
    split = "test" if test else "train"
    return tuple(
        Scene(f"procedural/{kind}-{number}", partial(_procedural_levels, kind, seed, split, number, size))
        for kind in procedural.KINDS
        for number in range(PROCEDURAL_SCENES[split])
    )


def pack_pictures(pictures: Sequence[Picture], width: int, height: int) -> None:
    """Add the pyramids of pictures to the cache, unless they are there. Raises MaterialError for a damaged picture."""
    cache.build_once(pack_name(pictures, width, height), lambda folder: _pack(pictures, width, height, folder))


def is_packed(pictures: Sequence[Picture], width: int, height: int) -> bool:
    """Whether the pyramids of pictures are in the cache."""
    return cache.has_entry(pack_name(pictures, width, height))


def pack_name(pictures: Sequence[Picture], width: int, height: int) -> str:
    """The cache entry for the pyramids of these pictures, for crops of width x height px."""
    sizes = pyramids.level_sizes(FRAME_WIDTH, FRAME_HEIGHT, width, height)
    digest = hashlib.sha256(json.dumps([sizes, [p.sha256 for p in pictures]]).encode()).hexdigest()
    return f"{PACK}/{digest[:24]}"


def _picture_levels(picture: Picture, width: int, height: int) -> tuple[Level, ...]:
    return pyramids.build_pyramid(decode_picture(picture), width, height)


def _procedural_levels(kind: str, seed: int, split: str, number: int, size: tuple[int, int]) -> tuple[Level, ...]:
    return (pyramids.build_level(procedural.draw(kind, seed, split, number, *size)),)


def _pack(pictures: Sequence[Picture], width: int, height: int, folder: Path) -> None:
    pyramids.write_pack((decode_picture(picture) for picture in pictures), width, height, folder)
