"""Spec: a whole data set in one frozen value, at rest as YAML. Two equal specs make equal pixels."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from subsynth.core.errors import SpecError
from subsynth.data import font_catalogue
from subsynth.spec import palette, yaml_schema

SPLITS = ("train", "test", "test_hard", "test_unseen_fonts")
LANGUAGES = {"en": "latin", "zh": "hans"}
IMAGE_FORMATS = ("png", "jpeg")
STYLES = ("plain", "shadow", "outline", "outline_shadow", "box")

Range = tuple[float, float]
Weights = dict[str, float]


def _key(default: Any, doc: str) -> Any:
    """A field with its default and the line (with its unit) that explains it in YAML."""
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata={"doc": doc})
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class Text:
    """What is written."""

    sources: Weights = _key({"tatoeba": 1.0}, "bundled sources and their shares of the samples (weights)")
    files: tuple[str, ...] = _key((), "own UTF-8 files, .txt .srt .ass, instead of the bundled sources (paths)")
    p_prefer_longer: float = _key(0.0, "of two lines drawn, the longer is taken (probability); else the first")
    max_chars: int = _key(36, "longer lines are cut where a subtitle would be cut (characters)")
    uncovered: str = _key("error", "a line that no font covers: 'error', or 'drop' it and count it in the manifest")


@dataclass(frozen=True)
class Fonts:
    """What it is written in."""

    families: tuple[str, ...] = _key((), "bundled families, drawn evenly (names)")
    files: tuple[str, ...] = _key((), "own fonts, .ttf .otf .ttc (or name.ttc#2), instead of the bundled ones (paths)")
    unseen_families: tuple[str, ...] = _key((), "bundled families kept for the split test_unseen_fonts (names)")
    unseen_files: tuple[str, ...] = _key(
        (), "own fonts kept for it; with `files` and without these there is no such split"
    )
    p_bold: float = _key(0.3, "share of samples in bold, where the family has it (probability)")
    p_italic: float = _key(0.5, "share of samples in italics: the true one, or a shear (probability)")
    shear_deg: float = _key(12.0, "slant of sheared italics (degrees)")
    min_stroke_px: float = _key(1.1, "thin strokes are thickened to this, so that they keep a pixel; 0 is off (px)")
    size_range: Range = _key((14.0, 26.0), "font size; smaller where the line needs it to fit (px an em)")


@dataclass(frozen=True)
class Fill:
    """Its colour."""

    colors: Weights = _key(
        {
            "white": 0.38,
            "off_white": 0.12,
            "yellow": 0.13,
            "pale_yellow": 0.05,
            "cyan": 0.05,
            "green": 0.04,
            "orange": 0.03,
            "pink": 0.02,
            "blue": 0.02,
            "grey": 0.02,
            "red": 0.02,
            "any": 0.12,
        },
        "fill colours; 'any' is every hue (weights)",
    )
    contrast_floor: float = _key(
        2.0, "least contrast of fill to background without outline or box (ratio of luminances, 1..21)"
    )


@dataclass(frozen=True)
class Style:
    """What surrounds it."""

    kinds: Weights = _key(
        {"plain": 0.2, "shadow": 0.15, "outline": 0.35, "outline_shadow": 0.2, "box": 0.1},
        "plain, shadow, outline, outline_shadow, box (weights)",
    )
    outline_range: Range = _key((0.75, 1.75), "radius of outlines (px)")
    max_shadow_offset_px: int = _key(2, "largest offset of a shadow to the right and down (px)")
    max_shadow_blur_px: int = _key(2, "largest softness of a shadow (px)")
    box_opacity_range: Range = _key((0.45, 0.9), "opacity of boxes (0..1)")


@dataclass(frozen=True)
class Background:
    """What lies behind."""

    folders: tuple[str, ...] = _key((), "own folders of pictures, instead of the bundled photographs (paths)")
    p_procedural: float = _key(0.15, "share of procedural scenes (probability)")
    p_flip: float = _key(0.5, "share of crops that are mirrored (probability)")
    gain_range: Range = _key((0.45, 1.05), "brightness of the grade, as a factor (1)")
    tint_range: Range = _key((-0.1, 0.1), "gain of red against blue in the grade (1)")
    saturation_range: Range = _key((0.3, 1.15), "saturation of the grade, as a factor (1)")
    lift_range: Range = _key((0.0, 24.0), "lift of the blacks in the grade (levels of 255)")


@dataclass(frozen=True)
class Degrade:
    """What film and codec do to it afterwards, in this order."""

    p_resample: float = _key(0.4, "share of samples that lose resolution (probability)")
    resample_range: Range = _key((1.1, 1.6), "factor by which they shrink before growing back (1)")
    p_blur: float = _key(0.6, "share of samples with Gaussian blur (probability)")
    blur_sigma_range: Range = _key((0.3, 1.1), "sigma of the blur (px)")
    p_noise: float = _key(0.5, "share of samples with noise (probability)")
    noise_sigma_range: Range = _key((1.0, 8.0), "standard deviation of the noise (levels of 255)")
    p_jpeg: float = _key(0.7, "share of samples with JPEG, 4:2:0 (probability)")
    jpeg_quality_range: tuple[int, int] = _key((35, 92), "quality of the JPEG (1..100)")


@dataclass(frozen=True)
class Hard:
    """What makes the split test_hard hard: a fill close to its background, without outline or box, on a busy crop."""

    contrast_range: Range = _key(
        (1.8, 2.6), "contrast of the fill to the mean of what it lies on (ratio of luminances)"
    )
    crops: int = _key(4, "of so many crops drawn, the busiest is taken (number)")


@dataclass(frozen=True)
class Spec:
    """A data set: how many samples of what. Immutable; `dataclasses.replace` makes a changed copy."""

    lang: str = _key("en", "language: en or zh")
    n: int = _key(100_000, "size of the train split (pairs)")
    n_test: int = _key(10_000, "size of each test split: test, test_hard, test_unseen_fonts (pairs)")
    seed: int = _key(0, "seed, 0 to 2**63 - 1")
    height: int = _key(32, "height of an image (px)")
    width: int = _key(280, "width of an image (px)")
    image_format: str = _key("png", "png; or jpeg: images that end with a JPEG step are kept as that file")
    margin_px: int = _key(2, "least distance of the ink to every border (px)")
    text: Text = field(default_factory=Text)
    fonts: Fonts = field(default_factory=Fonts)
    fill: Fill = field(default_factory=Fill)
    style: Style = field(default_factory=Style)
    background: Background = field(default_factory=Background)
    degrade: Degrade = field(default_factory=Degrade)
    hard: Hard = field(default_factory=Hard)

    def __post_init__(self) -> None:
        check(self)

    def __hash__(self) -> int:
        return hash(self.digest())

    def digest(self) -> str:
        """SHA-256 of the spec in canonical JSON, hex: the identity of what would be rendered."""
        return self._digest

    @functools.cached_property
    def _digest(self) -> str:
        flat = json.dumps(dataclasses.asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(flat.encode()).hexdigest()

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits: test_unseen_fonts only where fonts are kept for it."""
        unseen = self.fonts.unseen_files or (self.fonts.unseen_families and not self.fonts.files)
        return SPLITS if unseen else SPLITS[:-1]

    def size(self, split: str) -> int:
        """The number of pairs of a split. Raises SpecError for a name that is no split of this set."""
        if split not in self.splits:
            raise SpecError(f"split {split!r}: there is {', '.join(self.splits)}")
        return self.n if split == "train" else self.n_test

    @property
    def total(self) -> int:
        """The number of pairs of all splits."""
        return sum(self.size(split) for split in self.splits)

    def to_yaml(self) -> str:
        """The whole spec as YAML, each key with its meaning and unit."""
        return f"# subsynth spec; digest {self.digest()[:16]}\n{yaml_schema.dump(self)}"

    @staticmethod
    def from_yaml(text: str, source: str = "spec", **flags: Any) -> Spec:
        """Read a spec; `flags` override its top keys, and keys left out have the preset's value.

        Where `n` is given and `n_test` is not, the latter is a tenth of it. Raises SpecError naming `source`.
        """
        try:
            raw = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise SpecError(f"{source}: not YAML that can be read ({reason})") from error
        if not isinstance(raw, dict):
            raise SpecError(f"{source}: a mapping of keys is needed, not {type(raw).__name__}; see `subsynth spec`")
        raw |= flags
        if isinstance(raw.get("n"), int) and "n_test" not in raw:
            raw["n_test"] = default_n_test(raw["n"])
        lang = raw.get("lang", "en")
        if not isinstance(lang, str) or lang not in LANGUAGES:
            raise SpecError(f"{source}: lang is {lang!r}; use {' or '.join(LANGUAGES)}")
        try:
            spec: Spec = yaml_schema.merge(preset(lang), raw)
        except SpecError as error:
            raise SpecError(f"{source}: {error}") from error
        return spec

    @staticmethod
    def load(path: str | Path, **flags: Any) -> Spec:
        """Read a spec from a YAML file, as `from_yaml` does. Raises SpecError."""
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"spec {path}: {getattr(error, 'strerror', None) or error}; name a YAML file") from error
        return Spec.from_yaml(text, str(path), **flags)


def sub_en(n: int = 100_000, n_test: int | None = None, seed: int = 0) -> Spec:
    """The English preset: ten families, about 25 characters a line."""
    return Spec(
        lang="en",
        n=n,
        n_test=default_n_test(n) if n_test is None else n_test,
        seed=seed,
        fonts=Fonts(
            families=font_catalogue.families("latin", "train"),
            unseen_families=font_catalogue.families("latin", "unseen"),
        ),
    )


def sub_zh(n: int = 100_000, n_test: int | None = None, seed: int = 0) -> Spec:
    """The Chinese preset: eight families, about 12 characters a line, with the long tail of hanzi."""
    return Spec(
        lang="zh",
        n=n,
        n_test=default_n_test(n) if n_test is None else n_test,
        seed=seed,
        text=Text(sources={"tatoeba": 0.85, "words": 0.1, "tang": 0.05}, p_prefer_longer=0.9, max_chars=18),
        fonts=Fonts(
            families=font_catalogue.families("hans", "train"), unseen_families=font_catalogue.families("hans", "unseen")
        ),
    )


def preset(lang: str) -> Spec:
    """The preset of a language. Raises SpecError for a language that has none."""
    if lang not in LANGUAGES:
        raise SpecError(f"lang {lang!r}: use {' or '.join(LANGUAGES)}")
    return {"en": sub_en, "zh": sub_zh}[lang]()


def default_n_test(n: int) -> int:
    """The size of the test split where none is asked for: a tenth of train, at least one."""
    return max(1, n // 10)


def check(spec: Spec) -> None:
    """Raise SpecError at the first value that has the wrong type or cannot be."""
    yaml_schema.settle(spec)
    for name, low, high in (
        ("n", 1, 2**40), ("n_test", 1, 2**40), ("seed", 0, 2**63 - 1),
        ("height", 8, 4096), ("width", 16, 16384), ("margin_px", 1, 1024),
    ):  # fmt: skip
        _within(name, getattr(spec, name), low, high)
    if 2 * spec.margin_px + 6 > min(spec.height, spec.width):
        raise SpecError(f"margin_px is {spec.margin_px} px: it leaves no room in {spec.height} x {spec.width} px")
    _one_of("lang", spec.lang, tuple(LANGUAGES))
    _one_of("image_format", spec.image_format, IMAGE_FORMATS)
    _one_of("text.uncovered", spec.text.uncovered, ("error", "drop"))
    _within("hard.crops", spec.hard.crops, 1, 64)
    _within("text.max_chars", spec.text.max_chars, 2, 1000)
    _weights("text.sources", spec.text.sources, None)
    _weights("fill.colors", spec.fill.colors, palette.NAMES)
    _weights("style.kinds", spec.style.kinds, STYLES)
    _within("fill.contrast_floor", spec.fill.contrast_floor, 1, 7)
    _within("fonts.min_stroke_px", spec.fonts.min_stroke_px, 0, 4)
    _within("fonts.shear_deg", spec.fonts.shear_deg, -30, 30)
    _within("style.max_shadow_offset_px", spec.style.max_shadow_offset_px, 1, 16)
    _within("style.max_shadow_blur_px", spec.style.max_shadow_blur_px, 0, 16)
    if not spec.fonts.families and not spec.fonts.files:
        raise SpecError("fonts.families and fonts.files are both empty; name a family or a file")
    ends: tuple[float, float]
    for name, ends in {
        "fonts.size_range": (4, 4096), "style.outline_range": (0.5, 16), "style.box_opacity_range": (0, 1),
        "background.gain_range": (0, 4), "background.tint_range": (-1, 1), "background.saturation_range": (0, 4),
        "background.lift_range": (-128, 255), "degrade.resample_range": (1, 8),
        "degrade.blur_sigma_range": (0.05, 16), "degrade.noise_sigma_range": (0, 128),
        "degrade.jpeg_quality_range": (1, 100), "hard.contrast_range": (1, 7),
    }.items():  # fmt: skip
        section, key = name.split(".")
        _interval(name, getattr(getattr(spec, section), key), *ends)
    for section in ("text", "fonts", "background", "degrade"):
        part = getattr(spec, section)
        for item in dataclasses.fields(part):
            if item.name.startswith("p_"):
                _within(f"{section}.{item.name}", getattr(part, item.name), 0, 1)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise SpecError(f"{name} is {value}; it must lie in {low}..{high}")


def _interval(name: str, value: Range, low: float, high: float) -> None:
    for end in value:
        _within(name, end, low, high)
    if value[0] > value[1]:
        raise SpecError(f"{name} is {list(value)}; the first end must not be the larger")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SpecError(f"{name} is {value!r}; use {' or '.join(known)}")


def _weights(name: str, value: Weights, known: tuple[str, ...] | None) -> None:
    for key, weight in value.items():
        if known is not None and key not in known:
            raise SpecError(f"{name} has the key {key!r}; use {', '.join(known)}")
        _within(f"{name}.{key}", weight, 0, 1e9)
    if not sum(value.values()) > 0:
        raise SpecError(f"{name} is {value}; at least one weight must be above 0")
