"""DataRef: what the argument of `--data` names.

- `sub_en`: a rendered directory, or a data set on the Hugging Face hub
- `render:sub_en`: pairs that subsynth renders during training: sub_en, sub_zh, film_en or film_zh; `render:en` and
  `render:zh` are the sub presets; several are taken in turn, from step to step: `render:film_en,film_zh,sub_en`
- `dibco:PATH`: pages of the DIBCO contests, all folders of PATH
- `dibco:PATH:2009+2010`: only folders with one of these words in their names; `-2013` excludes folders
- `plm:PATH`: palm leaf manuscripts
- `istd:PATH`: images with and without shadows
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Kind(Enum):
    """What the pairs are; it decides how they are read, trained on and scored."""

    SUBTITLES = "subtitles"  # crops of one size
    PAGES = "pages"  # documents of different sizes
    SHADOWS = "shadows"  # colour images with masks of their shadows


_KINDS = {"dibco": Kind.PAGES, "plm": Kind.PAGES, "istd": Kind.SHADOWS}


@dataclass(frozen=True)
class DataRef:
    """One parsed reference. `name` is its text as the user wrote it, for error messages."""

    name: str
    scheme: str  # "set", "render", "dibco", "plm" or "istd"
    path: str  # directory or hub name; the preset for "render"
    words: tuple[str, ...] = ()  # of "dibco": selects folders by their names

    @classmethod
    def parse(cls, name: str) -> DataRef:
        """Parse one reference. Never fails: whatever has no known scheme is a directory or a name on the hub."""
        scheme, colon, rest = name.partition(":")
        if not colon or scheme not in (*_KINDS, "render"):
            return cls(name, "set", name)
        if scheme != "dibco":
            return cls(name, scheme, rest)
        path, _, words = rest.partition(":")
        return cls(name, scheme, path, tuple(words.split("+")) if words else ())

    @classmethod
    def parse_list(cls, names: str) -> tuple[DataRef, ...]:
        """Parse references separated by commas; "render:" stands alone."""
        return tuple(cls.parse(n) for n in ([names] if names.startswith("render:") else names.split(",")))

    @property
    def kind(self) -> Kind:
        """What the pairs are."""
        return _KINDS.get(self.scheme, Kind.SUBTITLES)

    @property
    def has_splits(self) -> bool:
        """Whether train and test differ. The contests of "dibco" are selected by words instead."""
        return self.scheme != "dibco"

    @property
    def short_name(self) -> str:
        """The reference without the parent folders of its path; a name on the hub as it is."""
        on_hub = self.scheme == "set" and re.fullmatch(r"[^/.][^/]*/[^/]*", self.path)
        path = self.path if on_hub else Path(self.path).name
        prefix = "" if self.scheme == "set" else f"{self.scheme}:"
        return prefix + path + (f":{'+'.join(self.words)}" if self.words else "")
