"""What text readers make of frames, and of the outputs of the binarizer."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from film_material import ENCODERS, EVENT, PAUSE, STYLES, Event, burn_in, distractors, fonts_folder, script, texts
from rapidfuzz.distance import Levenshtein

from dbram_baseline.evaluation.readers import READERS
from subsynth import Binarizer, pairs, sub_en, sub_zh
from subsynth.assets.video_reading import open_video
from subsynth.binarization.outputs import PICTURES


@dataclass(frozen=True)
class Band:
    """The lower third of a frame, the text of its subtitle ("" in a pause), and whether it shows a watermark."""

    image: np.ndarray
    text: str
    lang: str
    watermark: bool


def make_bands(clip: Path, count: int, folder: Path) -> list[Band]:
    """`count` subtitles of each language in each style, and as many pauses; the second half has a watermark."""
    fonts_folder(folder / "fonts")
    bands = []
    for lang in ("en", "zh"):
        with open_video(str(clip)) as video:
            width, height = video.width, video.height
        seconds, names, source = count * (EVENT + PAUSE), list(STYLES), texts(lang, count)
        events = []
        for i in range(count):
            begin = i * (EVENT + PAUSE) + PAUSE
            events.append(Event(begin, begin + EVENT, names[i % len(names)], lang, source[i]))
        ass, out = folder / f"{lang}.ass", folder / f"{lang}.mkv"
        ass.write_text(script(events, width, height, distractors(seconds, width, height)), encoding="utf-8")
        burn_in(clip, 40.0, seconds, ass, folder / "fonts", ENCODERS["x264 crf 25"], out)
        times = {e.begin + 0.5 * EVENT: e.text for e in events} | {e.begin - 0.5 * PAUSE: "" for e in events}
        wanted = sorted(times)
        with open_video(str(out)) as video:
            for frame in video.at_rate(1000):
                while wanted and frame.seconds >= wanted[0] - 0.02:
                    time_ = wanted.pop(0)
                    low = frame.image[round(0.68 * height) :].copy()
                    bands.append(Band(low, times[time_], lang, time_ > seconds / 2))
    return bands


def readers_command(arguments: argparse.Namespace) -> None:
    """Characters wrong, lines exact, missed and phantom, by reader, version, language and watermark."""
    binarizer = Binarizer(arguments.model)
    with tempfile.TemporaryDirectory() as name:
        bands = make_bands(arguments.clips[0], arguments.count, Path(name))
    hard = []
    for lang, preset in (("en", sub_en), ("zh", sub_zh)):
        hard += [
            (p.image, p.recipe.text, lang) for p in pairs(preset(n=100, n_test=10_000), "test_hard", 0, arguments.hard)
        ]
    versions: dict[str, Callable[[np.ndarray], np.ndarray]] = {"raw frame": lambda image: image}
    for output in ("flat", "soft", "binary"):
        versions[output] = lambda image, output=output: as_rgb(PICTURES[output](image, binarizer.binarize(image)))
    for reader_name in arguments.readers:
        for lang in ("en", "zh"):
            read_band = READERS[reader_name](lang == "zh", True)
            read_strip = READERS[reader_name](lang == "zh", False)
            for version, make in versions.items():
                for watermark in (False, True):
                    chosen = [b for b in bands if b.lang == lang and b.watermark == watermark]
                    found = [read_band(make(b.image)) for b in chosen]
                    title = f"{reader_name} {lang} {version}, {'with' if watermark else 'no'} watermark"
                    print_reading(title, found, [b.text for b in chosen])
                chosen_hard = [(image, text) for image, text, language in hard if language == lang]
                found = [read_strip(make(image)) for image, _ in chosen_hard]
                print_reading(f"{reader_name} {lang} {version}, test_hard", found, [text for _, text in chosen_hard])


def print_reading(title: str, found: list[str], truth: list[str]) -> None:
    """A line read from a frame is exact, wrong, or, beside the subtitle or without one, a phantom."""
    errors = characters = exact = missed = phantoms = 0
    for lines, text in zip(found, truth, strict=True):
        read = ["".join(line.split()) for line in lines.splitlines() if line.strip()]
        expected = "".join(text.split())
        if not expected:
            phantoms += len(read)
            continue
        characters += len(expected)
        joined = "".join(read)
        # Other lines than the one that resembles the subtitle most are phantoms, unless all together resemble it more.
        best = min(read, key=lambda line: Levenshtein.distance(line, expected), default="")
        if Levenshtein.distance(joined, expected) <= Levenshtein.distance(best, expected):
            best = joined
        else:
            phantoms += len(read) - 1
        distance = min(Levenshtein.distance(best, expected), len(expected))
        errors += distance
        exact += distance == 0
        missed += distance > 0.8 * len(expected)
    total = sum(bool(text) for text in truth)
    print(
        f"{title:<48} characters wrong {100 * errors / characters:6.2f} %, lines exact {exact:3d} of {total}, "
        f"missed {missed:3d}, phantom {phantoms:3d}",
        flush=True,
    )


def as_rgb(picture: np.ndarray) -> np.ndarray:
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
