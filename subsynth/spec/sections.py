"""The sections of a spec: text, fonts, layout, fill, style, background, distractors, degradation, labels, test_hard."""

from __future__ import annotations

from dataclasses import dataclass

from subsynth.spec import palette, yaml_schema
from subsynth.spec.weights import Weights
from subsynth.spec.yaml_schema import key

STYLES = ("plain", "shadow", "outline", "outline_shadow", "box")
LINE_COUNTS = ("none", "one", "two")  # the position is the number of lines
ALIGNMENTS = ("anywhere", "left", "centre", "right")
OUTLINE_COLORS = ("contrasting", "any")

Range = tuple[float, float]


def _probability(default: float, doc: str) -> float:
    """Declare a key that is a probability."""
    value: float = key(default, doc, "probability", (0, 1))
    return value


@dataclass(frozen=True)
class Text:
    """The text: its sources, and how long a line may be."""

    sources: Weights = key({"tatoeba": 1.0}, "bundled sources and their shares of the samples", "weights")
    files: tuple[str, ...] = key(
        (), "your own UTF-8 files (.txt .srt .vtt .ass .ssa .sub) instead of the bundled text", "paths"
    )
    p_prefer_longer: float = _probability(
        0.0, "two lines are drawn; probability of using the longer one instead of the first"
    )
    lines: Weights = key(
        {"one": 1.0}, "number of lines of a sample; with none, it shows no subtitle", "weights", choices=LINE_COUNTS
    )
    p_short: float = _probability(0.0, "share of the single lines that have 1 to 3 characters")
    max_chars: int = key(36, "longer lines are cut where a subtitle would be cut", "characters", (2, 1000))
    uncovered: str = key(
        "error", "for a line that no font covers: 'error', or 'drop' to leave it out and count it in the manifest",
        choices=("error", "drop"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "text.")


@dataclass(frozen=True)
class Fonts:
    """The fonts of the text, their sizes, weights and slants."""

    families: tuple[str, ...] = key((), "bundled families, drawn with equal probability", "names")
    files: tuple[str, ...] = key(
        (), "your own fonts instead of the bundled ones: files, folders, *.ttf, name.ttc#2, name.ttf#wght=700", "paths"
    )
    unseen_families: tuple[str, ...] = key((), "bundled families reserved for the split test_unseen_fonts", "names")
    unseen_files: tuple[str, ...] = key(
        (), "your own fonts reserved for that split; with `files` and without these there is no such split", "paths"
    )
    p_bold: float = _probability(0.3, "share of samples in bold, where the family has a bold face")
    p_italic: float = _probability(0.5, "share of samples in italics: a true italic face, or a shear")
    shear_deg: float = key(12.0, "slant of sheared italics", "degrees", (-30, 30))
    min_stroke_px: float = key(1.1, "thinner strokes are thickened to this width; 0 disables it", "px", (0, 4))
    size_range: Range = key((14.0, 26.0), "font size; smaller where a line needs it to fit", "px per em", (4, 4096))

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "fonts.")


@dataclass(frozen=True)
class Layout:
    """Where the lines are in the image."""

    align: Weights = key(
        {"anywhere": 1.0}, "horizontal alignment; 'anywhere' is any position", "weights", choices=ALIGNMENTS
    )
    line_spacing_range: Range = key(
        (1.05, 1.4), "distance of the baselines of two lines; larger where their ink would touch", "em", (0.5, 4)
    )
    p_clipped: float = _probability(0.0, "share of samples whose text runs out of the image on one side")

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "layout.")


@dataclass(frozen=True)
class Fill:
    """The colour of the text."""

    colors: Weights = key(
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
        "fill colours; 'any' is any hue",
        "weights",
        choices=palette.NAMES,
    )
    contrast_floor: float = key(
        2.0, "minimum contrast between fill and background without outline or box", "ratio of luminances", (1, 7)
    )
    p_lighten: float = _probability(
        1.0, "share of fills below it that are moved half-way to white; an outline or box makes all of them legible"
    )

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "fill.")


@dataclass(frozen=True)
class Style:
    """What is drawn around the text: an outline, a shadow or a box."""

    kinds: Weights = key(
        {"plain": 0.2, "shadow": 0.15, "outline": 0.35, "outline_shadow": 0.2, "box": 0.1},
        "plain, shadow, outline, outline_shadow, box", "weights", choices=STYLES,
    )  # fmt: skip
    outline_range: Range = key((0.75, 1.75), "radius of outlines", "px", (0.5, 16))
    outline_colors: Weights = key(
        {"contrasting": 1.0},
        "outline colours: 'contrasting' is dark around a light fill and light around a dark one; 'any' is any colour",
        "weights",
        choices=OUTLINE_COLORS,
    )
    max_shadow_offset_px: int = key(2, "largest offset of a shadow, to the right and down", "px", (1, 16))
    max_shadow_blur_px: int = key(2, "largest blur radius of a shadow", "px", (0, 16))
    box_opacity_range: Range = key((0.45, 0.9), "opacity of boxes", bounds=(0, 1))
    p_fade: float = _probability(0.0, "share of samples whose subtitle is translucent as a whole, as in a fade")
    fade_opacity_range: Range = key(
        (0.4, 0.95), "opacity of such a subtitle; full where the contrast floor needs it", bounds=(0.05, 1)
    )

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "style.")


@dataclass(frozen=True)
class Background:
    """What is behind the text: pictures, frames of films or procedural scenes, and their colour grade."""

    folders: tuple[str, ...] = key((), "your own folders of pictures instead of the bundled photographs", "paths")
    videos: tuple[str, ...] = key(
        (), "your own films: their frames are used instead of the bundled photographs", "paths"
    )
    p_procedural: float = _probability(0.15, "share of procedural scenes")
    p_flip: float = _probability(0.5, "share of crops that are mirrored")
    p_texture: float = _probability(0.0, "share of crops that are chosen for fine structure, such as grass or grids")
    texture_crops: int = key(
        4, "number of crops drawn for such a sample; the one with the finest is used", bounds=(1, 64)
    )
    gain_range: Range = key((0.45, 1.05), "brightness of the colour grade, as a factor", bounds=(0, 4))
    tint_range: Range = key((-0.1, 0.1), "gain of red relative to blue in the colour grade", bounds=(-1, 1))
    saturation_range: Range = key((0.3, 1.15), "saturation of the colour grade, as a factor", bounds=(0, 4))
    lift_range: Range = key((0.0, 24.0), "lift of the blacks in the colour grade", "levels of 255", (-128, 255))

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "background.")


@dataclass(frozen=True)
class Distractors:
    """Text that belongs to the scene. It is drawn into the background and never part of the ground truth.

    It never overlaps the subtitle; where there is no room for it, it is left out.
    """

    p_watermark: float = _probability(0.0, "probability of a translucent watermark or logo near a corner")
    watermark_opacity_range: tuple[int, int] = key((50, 130), "opacity of watermarks", "levels of 255", (0, 255))
    p_sign: float = _probability(0.0, "probability of a sign in perspective")
    p_patch: float = _probability(0.0, "probability of text on a tilted patch, as on a shirt")
    p_credits: float = _probability(0.0, "probability of credits that are blurred, or cut off by the border")

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "distractors.")


@dataclass(frozen=True)
class Degrade:
    """The degradation of the finished image, as by film and codec, in this order."""

    p_resample: float = _probability(0.4, "share of samples that lose resolution")
    resample_range: Range = key((1.1, 1.6), "factor by which they are reduced and enlarged again", bounds=(1, 8))
    p_blur: float = _probability(0.6, "share of samples with Gaussian blur")
    blur_sigma_range: Range = key((0.3, 1.1), "sigma of the blur", "px", (0.05, 16))
    p_noise: float = _probability(0.5, "share of samples with noise")
    noise_sigma_range: Range = key((1.0, 8.0), "standard deviation of the noise", "levels of 255", (0, 128))
    p_jpeg: float = _probability(0.7, "share of samples with JPEG compression, 4:2:0")
    jpeg_quality_range: tuple[int, int] = key((35, 92), "quality of the JPEG compression", bounds=(1, 100))

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "degrade.")


@dataclass(frozen=True)
class Labels:
    """Columns with more labels, beside the ground truth."""

    line_boxes: bool = key(False, "boxes of the lines: [x0, y0, x1, y1] in px, x1 and y1 exclusive")
    char_boxes: bool = key(False, "boxes of the characters, in reading order")
    erase_mask: bool = key(False, "a second mask: 0 where fill, outline, shadow or box are, 255 elsewhere")
    coverage: bool = key(False, "how much of each pixel the fill covers, 0 to 255")

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "labels.")


@dataclass(frozen=True)
class Hard:
    """The split test_hard: a fill close to its background, plain style, busy crops."""

    contrast_range: Range = key(
        (1.8, 2.6),
        "contrast between fill and mean background under the line",
        "ratio of luminances",
        (1, 7),
    )
    crops: int = key(4, "number of crops drawn; the busiest is used", bounds=(1, 64))

    def __post_init__(self) -> None:
        yaml_schema.validate(self, "hard.")
