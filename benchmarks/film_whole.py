"""A few minutes of film with a known subtitle file, compared with what is found."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from film_material import ENCODERS, Event, burn_in, distractors, fonts_folder, script, texts

from subsynth import Binarizer
from subsynth.assets.video_reading import open_video
from subsynth.binarization.films import Subtitle, find_subtitles
from subsynth.binarization.other_texts import split_others
from subsynth.binarization.reading import TextReader
from subsynth.core.progress import NoProgress


def whole_command(arguments: argparse.Namespace) -> None:
    """Burn in a known subtitle file, and compare what is found with it."""
    clip = arguments.clips[0]
    with open_video(str(clip)) as video, tempfile.TemporaryDirectory() as name:
        folder, (width, height) = Path(name), (video.width, video.height)
        fonts_folder(folder / "fonts")
        events, begin = [], 1.0
        chosen = ["white, outline", "yellow, outline", "white on a box"]
        source = texts(arguments.lang, 400)
        i = 0
        while begin < arguments.seconds - 5:
            duration, pause = 1.2 + (i * 7 % 11) / 5, (0.0, 0.3, 1.5, 4.0)[i % 4]
            text = source[i] if i % 5 else f"{source[i]}\\N{source[200 + i % 200]}"
            events.append(Event(begin, begin + duration, chosen[arguments.style % 3], arguments.lang, text))
            begin += duration + pause
            i += 1
        ass, out = folder / "film.ass", folder / "film.mkv"
        extra = distractors(arguments.seconds, width, height) if arguments.distract else ""
        ass.write_text(script(events, width, height, extra), encoding="utf-8")
        burn_in(clip, 30.0, arguments.seconds, ass, folder / "fonts", ENCODERS["x264 crf 25"], out)
        reader = TextReader(arguments.read_from or None) if arguments.read else None
        started = time.perf_counter()
        found = find_subtitles(out, Binarizer(arguments.model), reader or (lambda _frame, _result: ""), NoProgress())
        found, others = split_others(found)
        seconds = time.perf_counter() - started
    compare(events, found, reader is not None)
    print(f"{len(others)} other texts left out")
    faster = arguments.seconds / seconds
    print(f"{arguments.seconds:.0f} s of film in {seconds:.0f} s: {faster:.2f} times as fast as it plays")


def overlap(event: Event, subtitle: Subtitle) -> float:
    """The seconds that both are shown."""
    return max(0.0, min(event.end, subtitle.end) - max(event.begin, subtitle.begin))


def compare(events: list[Event], found: list[Subtitle], reads: bool) -> None:
    """Print how many events were found once, missed, merged or in pieces, and how exact their times and texts are.

    Each found subtitle belongs to the event with which it shares most of its time, if that is more than half of it.
    """
    owners: list[int | None] = []
    for subtitle in found:
        shares = [overlap(event, subtitle) for event in events]
        best = int(np.argmax(shares))
        owners.append(best if shares[best] > 0.5 * (subtitle.end - subtitle.begin) else None)
    matches = [(e, [f for f, owner in zip(found, owners, strict=True) if owner == i]) for i, e in enumerate(events)]
    once = [(event, parts[0]) for event, parts in matches if len(parts) == 1]
    others = [(event, parts) for event, parts in matches if len(parts) != 1]
    phantoms = [
        f for f, owner in zip(found, owners, strict=True) if owner is None and not any(overlap(e, f) for e in events)
    ]
    merged = [f for f, owner in zip(found, owners, strict=True) if owner is None and f not in phantoms]
    missed = sum(not parts for _, parts in others)
    print(
        f"{len(events)} subtitles: {len(once)} found once, {missed} missed, {len(others) - missed} in pieces, "
        f"{len(merged)} found that span several, {len(phantoms)} phantoms"
    )
    if not once:
        return
    errors = np.abs([[event.begin - f.begin, event.end - f.end] for event, f in once])
    print(
        f"times: mean error {1000 * errors.mean():.0f} ms, largest {1000 * errors.max():.0f} ms, "
        f"within 200 ms {(errors <= 0.2).mean():.4f}"
    )
    print("confidence of the least certain:", sorted(round(f.confidence, 2) for _, f in once)[:5])
    for event, parts in others[:10]:
        times = [(round(f.begin, 2), round(f.end, 2)) for f in parts]
        print(f"    {event.begin:.2f}-{event.end:.2f} {event.text!r} found as {times}")
    for kind, f in [("phantom", f) for f in phantoms[:10]] + [("spans several", f) for f in merged[:10]]:
        print(f"    {kind}: {f.begin:.2f}-{f.end:.2f} box {tuple(f.box)} confidence {f.confidence:.2f} {f.made!r}")
    if not reads:
        return
    wrong = [(e, f) for e, f in once if "".join(e.text.replace("\\N", "").split()) != "".join(f.made.split())]
    print(f"read exactly: {len(once) - len(wrong)} of {len(events)}")
    for event, f in wrong:
        print(f"    {event.text!r} read as {f.made!r}")
