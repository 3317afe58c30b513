"""Users' text files: plain lines or subtitles, read as cues of text with their position in the file.

Subtitle files are normalized and then parsed by pysubs2: files in use have times in many spellings, repeated or missing
cue numbers, and blank lines in unusual places.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pysubs2

from subsynth.core.errors import MaterialError

_CLOCK = r"(?:\d+:)?\d{1,2}:\d{1,2}(?:[.,:]\d+)?"
_CUE_TIMES = re.compile(rf"^\s*({_CLOCK})\s*(?:[-=]{{1,3}}>|→)\s*({_CLOCK})(?:\s.*)?$")
_LIKE_TIMES = re.compile(r"^\s*\d+:\d\d:\d\d(?:[.,]\d+)?\s*(?:$|-*>|→)|^\s*\d+:\d\d(?:[.,:]\d+)?\s*-+>")
_NUMBER = re.compile(r"^\s*\d+\s*$")
_TAGS = re.compile(
    r"</?(?:i|b|u|s|em|strong|font|span|c|v|ruby|rt|lang)(?:[\s.][^<>]*)?/?>|<\d+:\d\d(?::\d\d)?\.\d+>", re.IGNORECASE
)
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_SRT_OVERRIDE = re.compile(r"\{\\[^{}]*\}")
_ASS_BLOCK = re.compile(r"\{[^{}]*\}")
_DRAWING_MODE = re.compile(r"\\p(\d+)")
_ASS_FIELDS = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
_CANONICAL_TIMES = "00:00:00,000 --> 00:00:01,000\n"
_ASS_PREFIX = "Dialogue: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,"


class Cue(NamedTuple):
    """One line of text of a file: its id in the file (line number of a .txt, else cue or cue.line), and the text."""

    id: str
    text: str


def read_cues(path: str, content: str) -> Iterator[Cue]:
    """The lines of text of a file with this content, uncleaned; lines without text are left out.

    Raises MaterialError for an unknown ending, or for content that does not match the ending.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in READERS:
        raise MaterialError(
            f"corpus {path}: the ending {suffix or '(none)'} is not known; use a file of {', '.join(READERS)}"
        )
    content = content.replace("\ufeff", "")  # also within the text, where files were joined
    for cue, lines in READERS[suffix](path, content):
        numbered = [(i, line) for i, line in enumerate(lines, 1) if line.strip()]
        for i, line in numbered:
            yield Cue(str(cue) if len(lines) == 1 else f"{cue}.{i}", line)


_Cues = Iterator[tuple[int, list[str]]]  # number of the cue (from 1), and its lines


def _read_plain(_path: str, content: str) -> _Cues:
    for number, line in enumerate(re.split(r"\r\n|\n|\r", content), 1):
        yield number, [line]


def _read_srt(path: str, content: str) -> _Cues:
    cues = _srt_cues(path, re.split(r"\r\n|\n|\r", content))
    events = _parse(path, "".join(f"{_CANONICAL_TIMES}{cue}\n\n" for cue in cues), "srt", keep_html_tags=True)
    for number, event in enumerate(events, 1):
        yield number, _marked_up_lines(_SRT_OVERRIDE.sub("", event))


def _read_vtt(path: str, content: str) -> _Cues:
    if not content.lstrip().startswith("WEBVTT"):
        raise MaterialError(f"corpus {path}: a .vtt file starts with WEBVTT; correct it, or give it its own ending")
    blocks = re.split(r"\n[ \t]*\n", re.sub(r"\r\n|\r", "\n", content))
    cues = []
    for block in blocks:
        lines = block.strip("\n").split("\n")
        times = next((i for i, line in enumerate(lines[:2]) if _CUE_TIMES.match(line)), None)
        if times is not None:  # all other blocks are the header, notes, styles and regions
            cues.append("\\N".join(lines[times + 1 :]))
    events = _parse(path, "".join(f"{_CANONICAL_TIMES}{cue}\n\n" for cue in cues), "srt", keep_html_tags=True)
    for number, event in enumerate(events, 1):
        yield number, _marked_up_lines(event)


def _read_ass(path: str, content: str) -> _Cues:
    lines = "".join(f"{_ASS_PREFIX}{text}\n" for text in _ass_texts(path, content))
    events = _parse(path, f"[Script Info]\nScriptType: v4.00+\n[Events]\n{lines}", "ass")
    for number, event in enumerate(events, 1):
        text = _without_drawings(event).replace("\\h", " ").replace("\\n", "\\N")
        yield number, [_decode_references(line) for line in text.split("\\N")]


def _read_sub(path: str, content: str) -> _Cues:
    first = next((line for line in content.splitlines() if line.strip()), "")
    if re.match(r"\s*\{\d+\}\{\d*\}", first):
        kind = "microdvd"
    elif re.match(r"\s*\[\d+\]\[\d*\]", first):
        kind = "mpl2"
    else:
        raise MaterialError(f"corpus {path}: neither MicroDVD nor MPL2 subtitles; convert the file to .srt")
    for number, event in enumerate(_parse(path, content, kind), 1):
        yield number, [_ASS_BLOCK.sub("", line) for line in event.split("\\N")]


READERS: dict[str, Callable[[str, str], _Cues]] = {
    ".txt": _read_plain,
    ".srt": _read_srt,
    ".ass": _read_ass,
    ".ssa": _read_ass,
    ".vtt": _read_vtt,
    ".sub": _read_sub,
}


def _parse(path: str, content: str, format_: str, **options: bool) -> list[str]:
    """The texts of all events, as pysubs2 reads them: lines separated by \\N."""
    try:
        try:
            events = pysubs2.SSAFile.from_string(content, format_=format_, **options)
        except pysubs2.exceptions.UnknownFPSError:  # frame numbers without a rate: times do not matter here
            events = pysubs2.SSAFile.from_string(content, format_=format_, fps=25.0, **options)
    except (pysubs2.exceptions.Pysubs2Error, ValueError, KeyError, IndexError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MaterialError(f"corpus {path}: not readable as {format_} ({reason}); correct it") from error
    return [event.text for event in events if not event.is_comment]


def _srt_cues(path: str, lines: list[str]) -> list[str]:
    """The text of each cue of an .srt file, its lines joined by \\N."""
    times = [i for i, line in enumerate(lines) if _CUE_TIMES.match(line)]
    if not times:
        raise MaterialError(f"corpus {path}: no cue times such as 00:00:01,000 --> 00:00:02,000; is it an .srt file?")
    cues: list[str] = []
    for first, following in zip(times, [*times[1:], len(lines)], strict=True):
        text = lines[first + 1 : following]
        text = _without_next_number(text, is_last=following == len(lines), number=len(cues) + 1)
        for offset, line in enumerate(text):
            if _LIKE_TIMES.match(line):
                raise MaterialError(
                    f"corpus {path}, line {first + 2 + offset}: {line.strip()[:60]!r} looks like a time but does not "
                    "start a cue; correct the file"
                )
        cues.append("\\N".join(line for line in text if line.strip()))
    return cues


def _without_next_number(text: list[str], is_last: bool, number: int) -> list[str]:
    """The lines of a cue without the number of the next cue, which may be repeated or surrounded by blank lines.

    After the last cue, a number is dropped only if it continues the numbering and follows a blank line.
    """
    end = len(text)
    while end and not text[end - 1].strip():
        end -= 1
    if is_last:
        stray = end > 1 and _NUMBER.match(text[end - 1]) and not text[end - 2].strip()
        return text[: end - 1] if stray and int(text[end - 1]) == number + 1 else text[:end]
    if end and _NUMBER.match(text[end - 1]):
        value = text[end - 1].strip()
        end -= 1
        while end and (not text[end - 1].strip() or (text[end - 1].strip() == value and _blank_before(text, end - 1))):
            end -= 1
    return text[:end]


def _blank_before(text: list[str], at: int) -> bool:
    return at == 0 or not text[at - 1].strip()


def _marked_up_lines(text: str) -> list[str]:
    """The lines of an .srt or .vtt cue without known tags, and with character references decoded."""
    return [_decode_references(_TAGS.sub("", line)) for line in _LINE_BREAK_TAG.sub(r"\\N", text).split("\\N")]


def _decode_references(text: str) -> str:
    return _REFERENCE.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text


def _ass_texts(path: str, content: str) -> Iterator[str]:
    """The field Text of every Dialogue line of [Events], whichever fields its Format line names."""
    fields, in_events = _ASS_FIELDS, True
    for number, line in enumerate(re.split(r"\r\n|\n|\r", content), 1):
        stripped = line.lstrip()
        if stripped.startswith("["):
            in_events = stripped.lower().startswith("[events]")
        elif in_events and stripped.lower().startswith("format:"):
            fields = [field.strip().lower() for field in stripped.partition(":")[2].split(",")]
            if fields[-1] != "text":
                raise MaterialError(
                    f"corpus {path}, line {number}: Format of [Events] does not end with Text; correct it"
                )
        elif in_events and stripped.startswith("Dialogue:"):
            parts = stripped.partition(":")[2].split(",", len(fields) - 1)
            if len(parts) < len(fields):
                raise MaterialError(
                    f"corpus {path}, line {number}: {len(parts)} fields where Format names {len(fields)}; correct it"
                )
            yield parts[-1]


def _without_drawings(text: str) -> str:
    """ASS text without blocks in braces (overrides and comments), and without vector drawings."""
    parts, drawing, end = [], False, 0
    for block in _ASS_BLOCK.finditer(text):
        if not drawing:
            parts.append(text[end : block.start()])
        modes = _DRAWING_MODE.findall(block[0])
        if modes:
            drawing = int(modes[-1]) > 0
        end = block.end()
    return "".join(parts) + ("" if drawing else text[end:])
