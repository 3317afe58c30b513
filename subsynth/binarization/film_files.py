"""The files that `subsynth binarize` writes for a film: pictures with a table of times, or a subtitle file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pysubs2

from subsynth.binarization.binarizer import Binarizer
from subsynth.binarization.files import write_file
from subsynth.binarization.films import Subtitle, find_subtitles
from subsynth.binarization.outputs import BOXES, PICTURES, boxes_line, encode_png
from subsynth.binarization.result import Result
from subsynth.core.errors import OutputError
from subsynth.core.pixels import U8
from subsynth.core.progress import Progress

TABLE, SUBTITLES, BOXES_FILE = "film.tsv", "film.srt", "boxes.jsonl"
Reader = Callable[[U8, Result], str]  # the text of a cropped frame and its result, lines separated by line breaks


@dataclass(frozen=True)
class Picture:
    """What is kept of a subtitle: its picture as PNG, or its boxes as a line of JSON, and its text if it was read."""

    content: bytes
    text: str


def check_film_out(out: Path, reads: bool) -> None:
    """Raise OutputError for a target that a film cannot be written to."""
    if out.suffix.lower() == ".srt":
        if not reads:
            raise OutputError(f"--out {out}: a subtitle file needs the texts; add --read, or name a folder")
    elif out.suffix.lower() in (".png", ".tsv", ".jsonl", ".vtt", ".ass") and not out.is_dir():
        raise OutputError(f"--out {out}: a film is written into a folder; name a folder, or with --read an .srt file")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"--out {out}: already exists and is not an empty folder; remove it, or name another one")


def binarize_film(
    source: Path, out: Path, output: str, binarizer: Binarizer, reader: Reader | None, progress: Progress
) -> int:
    """Write the subtitles of a film into the folder `out`, or as the subtitle file `out`; their number.

    Nothing is written before the whole film is read. Raises MaterialError and OutputError.
    """

    def make(frame: U8, result: Result) -> Picture:
        text = reader(frame, result) if reader else ""
        if output == BOXES:
            return Picture(boxes_line(source.name, result).encode(), text)
        return Picture(encode_png(PICTURES[output](frame, result)), text)

    subtitles = find_subtitles(source, binarizer, make, progress)
    if out.suffix.lower() == ".srt":
        write_file(out, _subtitle_file(subtitles))
        return len(subtitles)
    digits = max(4, len(str(len(subtitles))))
    suffix = "json" if output == BOXES else "png"
    names = [f"{i:0{digits}}.{suffix}" for i in range(1, len(subtitles) + 1)]
    for name, subtitle in zip(names, subtitles, strict=True):
        write_file(out / name, subtitle.made.content)
    if reader:
        write_file(out / SUBTITLES, _subtitle_file(subtitles))
    write_file(out / TABLE, _table(names, subtitles, reader is not None))
    return len(subtitles)


def _table(names: Sequence[str], subtitles: Sequence[Subtitle[Picture]], reads: bool) -> bytes:
    """Tab-separated values: begin and end in seconds, file, box (x0,y0,x1,y1 in px), confidence, and text if read."""
    rows = [["begin", "end", "file", "box", "confidence", *(["text"] if reads else [])]]
    for name, s in zip(names, subtitles, strict=True):
        row = [f"{s.begin:.3f}", f"{s.end:.3f}", name, ",".join(map(str, s.box)), f"{s.confidence:.3f}"]
        rows.append([*row, s.made.text.replace("\n", "\\n")] if reads else row)
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def _subtitle_file(subtitles: Sequence[Subtitle[Picture]]) -> bytes:
    file = pysubs2.SSAFile()
    for s in subtitles:
        event = pysubs2.SSAEvent(start=round(1000 * s.begin), end=round(1000 * s.end))
        event.plaintext = s.made.text
        if s.made.text:
            file.append(event)
    return file.to_string("srt").encode()
