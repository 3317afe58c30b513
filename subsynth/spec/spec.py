"""Spec: a whole data set as one immutable value, stored as YAML. Equal specs produce equal pixels."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from subsynth.core.documents import parse_yaml, shown
from subsynth.core.errors import SpecError
from subsynth.core.files import read_regular_file
from subsynth.data.languages import LANGUAGES, unknown_language
from subsynth.spec import yaml_schema
from subsynth.spec.sections import (
    Background,
    Degrade,
    Distractors,
    Fill,
    Fonts,
    Hard,
    Labels,
    Layout,
    Style,
    Text,
)
from subsynth.spec.yaml_schema import key

SPLITS = ("train", "test", "test_hard", "test_unseen_fonts")
PRESETS = ("sub", "film")
IMAGE_FORMATS = ("png", "jpeg")
MAX_BYTES = 1 << 20  # of a spec's file


@dataclass(frozen=True)
class Spec:
    """The full description of a data set. Immutable; `dataclasses.replace` makes a changed copy.

    Raises SpecError, on construction, at the first value of the wrong type or out of bounds.
    """

    preset: str = key(
        "sub",
        "sub: strips of one line, as in the paper; film: bands of video; keys left out have its values",
        choices=PRESETS,
    )
    lang: str = key("en", "language", choices=tuple(LANGUAGES))
    n: int = key(100_000, "size of the train split", "pairs", (1, 2**40))
    n_test: int = key(10_000, "size of each test split: test, test_hard, test_unseen_fonts", "pairs", (1, 2**40))
    seed: int = key(0, "seed of every random decision", bounds=(0, 2**63 - 1))
    height: int = key(32, "height of an image", "px", (8, 1080))
    width: int = key(280, "width of an image", "px", (16, 3840))
    image_format: str = key(
        "png",
        "png, or jpeg to store an image whose last step is JPEG compression as that JPEG file",
        choices=IMAGE_FORMATS,
    )
    margin_px: int = key(2, "minimum distance of the ink from each border", "px", (1, 512))
    text: Text = field(default_factory=Text)
    fonts: Fonts = field(default_factory=Fonts)
    layout: Layout = field(default_factory=Layout)
    fill: Fill = field(default_factory=Fill)
    style: Style = field(default_factory=Style)
    background: Background = field(default_factory=Background)
    distractors: Distractors = field(default_factory=Distractors)
    degrade: Degrade = field(default_factory=Degrade)
    labels: Labels = field(default_factory=Labels)
    hard: Hard = field(default_factory=Hard)

    def __post_init__(self) -> None:
        yaml_schema.validate(self)
        if 2 * self.margin_px + 6 > min(self.height, self.width):
            raise SpecError(
                f"margin_px is {self.margin_px}: it leaves no room in {self.height} x {self.width} px; make it smaller"
            )
        if not self.fonts.families and not self.fonts.files:
            raise SpecError("fonts.families and fonts.files are both empty; name a family or a file")

    def __hash__(self) -> int:
        return hash(self.digest())

    def digest(self) -> str:
        """SHA-256, hex, of the spec in canonical JSON; specs with the same digest render the same data set."""
        return self._digest

    @functools.cached_property
    def _digest(self) -> str:
        plain = yaml_schema.to_plain(self)
        canonical = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def name(self) -> str:
        """The preset and the language, such as "film_en": the usual name of the data set."""
        return f"{self.preset}_{self.lang}"

    @property
    def is_plain(self) -> bool:
        """Whether every sample is one opaque line within its image, without distractors, as in the paper.

        Rows of other data sets have more columns.
        """
        return (
            self.preset == "sub"
            and all(self.text.lines.get(count, 0) == 0 for count in ("none", "two"))
            and not self.layout.p_clipped
            and not self.style.p_fade
            and self.distractors == Distractors()
        )

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits; test_unseen_fonts exists only where fonts are reserved for it."""
        unseen = self.fonts.unseen_files or (self.fonts.unseen_families and not self.fonts.files)
        return SPLITS if unseen else SPLITS[:-1]

    def size(self, split: str) -> int:
        """The number of pairs of a split. Raises SpecError for a name that is not a split of this set."""
        if split not in self.splits:
            raise SpecError(f"split {split!r}: choose from {', '.join(self.splits)}")
        return self.n if split == "train" else self.n_test

    @property
    def total(self) -> int:
        """The number of pairs of all splits."""
        return sum(self.size(split) for split in self.splits)

    def to_yaml(self) -> str:
        """The whole spec as YAML, each key with its meaning, unit and bounds."""
        return f"# subsynth spec; digest {self.digest()[:16]}\n{yaml_schema.to_yaml(self)}"

    @staticmethod
    def from_yaml(text: str, source: str = "spec", /, **flags: Any) -> Spec:
        """Read a spec; `flags` override its keys, and keys that are left out have the preset's value.

        A flag that is a mapping overrides only those keys of a section that it names: `text={"files": ["a.txt"]}`.
        If `n` is given without `n_test`, `n_test` is a tenth of `n`; a flag `n` without the flag `n_test` replaces both
        sizes of the text. Raises SpecError with a message that starts with `source`.
        """
        from subsynth.spec import presets  # noqa: PLC0415 - presets import this module

        try:
            raw = parse_yaml(text)
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise SpecError(f"{source}: not readable as YAML ({reason})") from error
        if not isinstance(raw, dict):
            raise SpecError(f"{source}: a mapping of keys is needed, not {type(raw).__name__}; see `subsynth spec`")
        if "preset" in raw and flags.get("preset", raw["preset"]) != raw["preset"]:
            raise SpecError(
                f"{source}: preset is {shown(raw['preset'])}, and --preset {flags['preset']} asks for another one; "
                "leave out one of them"
            )
        raw = _overlay(raw, flags)
        if isinstance(raw.get("n"), int) and ("n_test" not in raw or ("n" in flags and "n_test" not in flags)):
            raw["n_test"] = presets.default_n_test(raw["n"])
        lang, preset = raw.get("lang", "en"), raw.get("preset", "sub")
        if not isinstance(lang, str) or lang not in LANGUAGES:
            raise unknown_language(lang if isinstance(lang, str) else shown(lang), f"{source}: lang")
        if not isinstance(preset, str) or preset not in PRESETS:
            raise SpecError(f"{source}: preset is {shown(preset)}; use {' or '.join(PRESETS)}")
        try:
            spec: Spec = yaml_schema.merge(presets.preset(lang, preset), raw)
        except SpecError as error:
            raise SpecError(f"{source}: {error}") from error
        return spec

    @staticmethod
    def load(path: str | Path, **flags: Any) -> Spec:
        """Read a spec from a YAML file, as `from_yaml` does. Raises SpecError."""
        try:
            text = read_regular_file(path, "spec", "name a YAML file", MAX_BYTES, SpecError).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise SpecError(f"spec {path}: {error}; name a YAML file") from error
        return Spec.from_yaml(text, str(path), **flags)


def _overlay(raw: dict[Any, Any], flags: dict[str, Any]) -> dict[Any, Any]:
    """The mapping of a spec with the flags in place of its values; sections are joined key by key."""
    joined = raw | flags
    for name, section in flags.items():
        if isinstance(section, dict) and name in raw:
            # A section that is not a mapping stays as it is, so that it is rejected like any other wrong value.
            joined[name] = raw[name] | section if isinstance(raw[name], dict) else raw[name]
    return joined
