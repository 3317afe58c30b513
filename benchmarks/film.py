"""How well a binarizer lifts subtitles off a real film: burnt in by ffmpeg and libass, coded by real codecs.

    pip download --no-deps --no-binary :all: moviepy==2.2.1     # its source package has Big Buck Bunny as bbb.mp4
    python benchmarks/film.py strips bbb.mp4                    # strips of 32 x 280: all methods, styles and codecs
    python benchmarks/film.py readers bbb.mp4                   # what text readers make of frames and of the outputs
    python benchmarks/film.py whole bbb.mp4                     # a few minutes with a known subtitle file
    python benchmarks/film.py speed

It needs ffmpeg with libass, and libass9 (Debian). The truth is libass's own fill, before any coding.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from film_material import ENCODERS, STYLE_SETS
from film_readers import readers_command
from film_strips import strips_command
from film_whole import whole_command

from dbram_baseline.evaluation.readers import READERS
from subsynth import Binarizer


def speed_command(arguments: argparse.Namespace) -> None:
    binarizer = Binarizer(arguments.model)
    for width, height in ((280, 32), (720, 135), (1280, 144), (1920, 216), (640, 360), (1280, 720)):
        image = np.random.default_rng(0).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
        binarizer.binarize(image)
        times = []
        for _ in range(15):
            started = time.perf_counter()
            binarizer.binarize(image)
            times.append(time.perf_counter() - started)
        print(f"{width} x {height}: {1000 * np.median(times):.1f} ms (fastest {1000 * min(times):.1f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    functions = {"strips": strips_command, "readers": readers_command, "whole": whole_command, "speed": speed_command}
    for name, function in functions.items():
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        command.add_argument("--model", type=Path, help="an ONNX file; the bundled one")
        if name == "speed":
            continue
        command.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
        if name == "strips":
            command.add_argument("--count", type=int, default=28, help="subtitles for each encoder")
            command.add_argument("--styles", choices=list(STYLE_SETS), default="usual")
            command.add_argument("--encoders", nargs="+", choices=list(ENCODERS), default=list(ENCODERS))
            command.add_argument("--cache", type=Path, metavar="FILE.npz", help="keep the strips, and take them back")
            command.add_argument("--only", action="store_true", help="the network alone")
            command.add_argument(
                "--dbram", nargs=2, type=Path, metavar=("EN", "ZH"), help="checkpoints to compare with"
            )
            command.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the worst strips")
            command.add_argument("--json", type=Path, metavar="FILE.json")
        elif name == "readers":
            command.add_argument("--count", type=int, default=56, help="subtitles of each language")
            command.add_argument("--hard", type=int, default=50, help="strips of test_hard of each language")
            command.add_argument("--readers", nargs="+", choices=list(READERS), default=["rapidocr", "tesseract"])
        else:
            command.add_argument("--seconds", type=float, default=180.0)
            command.add_argument("--lang", choices=["en", "zh"], default="en")
            command.add_argument("--style", type=int, default=0)
            command.add_argument("--distract", action="store_true", help="with a watermark and signs")
            command.add_argument("--read", action="store_true", help="read the texts too")
            command.add_argument("--read-from", choices=["", "flat", "soft", "binary"], default="")
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
