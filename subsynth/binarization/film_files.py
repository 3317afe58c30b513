"""The files that `subsynth binarize` writes for a film: pictures with a table of times, or a subtitle file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pysubs2

from subsynth.binarization.binarizer import Binarizer
from subsynth.binarization.files import check_is_not, check_writable, whole_folder, write_file
from subsynth.binarization.films import Subtitle, find_subtitles
from subsynth.binarization.other_texts import split_others
from subsynth.binarization.outputs import BOXES, PICTURES, boxes_line, encode_png
from subsynth.binarization.result import Result
from subsynth.core.errors import OutputError
from subsynth.core.pixels import U8
from subsynth.core.progress import Progress

TABLE, SUBTITLES, BOXES_FILE = "film.tsv", "film.srt", "boxes.jsonl"
NOT_FOLDERS = (".png", ".tsv", ".jsonl", ".vtt", ".ass", ".ssa", ".txt")  # endings of files that are not written
Reader = Callable[[U8, Result], str]  # the text of a cropped frame and its result, lines separated by line breaks


@dataclass(frozen=True)
class Picture:
    """What is kept of a subtitle: its picture as PNG (empty for boxes), and its text if it was read."""

    content: bytes
    text: str


class Counts(NamedTuple):
    """Of a film: its subtitles, those of them without text that could be read, and texts that were left out as signs.

    A subtitle file does not have those without text.
    """

    subtitles: int
    unread: int
    others: int


def check_film_out(source: Path, out: Path, reads: bool) -> None:
    """Raise OutputError for a target that a film cannot be written to."""
    check_is_not(out, source)
    if is_subtitle_file(out):
        if not reads:
            raise OutputError(f"--out {out}: a subtitle file needs the texts; add --read, or name a folder")
        check_writable(out)
        return
    if out.suffix.lower() in NOT_FOLDERS and not out.is_dir():
        raise OutputError(f"--out {out}: a film is written into a folder; name a folder, or with --read an .srt file")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"--out {out}: exists and is not an empty folder; name another one")
    check_writable(out / TABLE)


def is_subtitle_file(out: Path) -> bool:
    """Whether a target is a subtitle file instead of a folder."""
    return out.suffix.lower() == ".srt"


def binarize_film(
    source: Path, out: Path, output: str, binarizer: Binarizer, reader: Reader | None, progress: Progress
) -> Counts:
    """Write the subtitles of a film into the folder `out`, or as the subtitle file `out`.

    Nothing is written before the whole film is read. Raises MaterialError and OutputError.
    """

    def make(frame: U8, result: Result) -> Picture:
        text = reader(frame, result) if reader else ""
        if output == BOXES or is_subtitle_file(out):
            return Picture(b"", text)
        return Picture(encode_png(PICTURES[output](frame, result)), text)

    subtitles, others = split_others(find_subtitles(source, binarizer, make, progress))
    if is_subtitle_file(out):
        write_file(out, _subtitle_file(subtitles))
    else:
        with whole_folder(out) as folder:
            _write_folder(folder, subtitles, output, reader is not None)
    unread = sum(not s.made.text for s in subtitles) if reader else 0
    return Counts(len(subtitles), unread, len(others))


def _write_folder(folder: Path, subtitles: Sequence[Subtitle[Picture]], output: str, reads: bool) -> None:
    digits = max(4, len(str(len(subtitles))))
    names = [BOXES_FILE if output == BOXES else f"{i:0{digits}}.png" for i in range(1, len(subtitles) + 1)]
    if output == BOXES:
        lines = [boxes_line(s.lines, begin=round(s.begin, 3), end=round(s.end, 3)) for s in subtitles]
        (folder / BOXES_FILE).write_text("".join(lines), encoding="utf-8")
    else:
        for name, subtitle in zip(names, subtitles, strict=True):
            (folder / name).write_bytes(subtitle.made.content)
    if reads:
        (folder / SUBTITLES).write_bytes(_subtitle_file(subtitles))
    (folder / TABLE).write_bytes(_table(names, subtitles, reads))


def _table(names: Sequence[str], subtitles: Sequence[Subtitle[Picture]], reads: bool) -> bytes:
    """Tab-separated values: begin and end in seconds, file, box (x0,y0,x1,y1 in px), confidence, and text if read."""
    rows = [["begin", "end", "file", "box", "confidence", *(["text"] if reads else [])]]
    for name, s in zip(names, subtitles, strict=True):
        row = [f"{s.begin:.3f}", f"{s.end:.3f}", name, ",".join(map(str, s.box)), f"{s.confidence:.3f}"]
        rows.append([*row, " ".join(s.made.text.replace("\n", "\\n").split())] if reads else row)
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def _subtitle_file(subtitles: Sequence[Subtitle[Picture]]) -> bytes:
    file = pysubs2.SSAFile()
    for s in subtitles:
        if s.made.text:
            text = s.made.text.replace("\n", "\\N")
            file.append(pysubs2.SSAEvent(start=round(1000 * s.begin), end=round(1000 * s.end), text=text))
    # With its tags kept, braces of the text stay as they were read.
    return file.to_string("srt", keep_ssa_tags=True).encode()
