"""Material of the film benchmark: styles of libass, texts, scripts, and clips burnt in by ffmpeg."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fontTools.ttLib import TTFont

from subsynth import plan, sub_en, sub_zh
from subsynth.data import font_catalogue

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # libass is bound there

EVENT, PAUSE = 1.6, 0.4  # seconds that a subtitle is shown, and that none is shown


ENCODERS = {
    "x264 crf 18": ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18"],
    "x264 crf 25": ["-c:v", "libx264", "-preset", "veryfast", "-crf", "25"],
    "x264 crf 32": ["-c:v", "libx264", "-preset", "veryfast", "-crf", "32"],
    "x265 crf 20": ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "20", "-x265-params", "log-level=none"],
    "x265 crf 27": ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "27", "-x265-params", "log-level=none"],
    "x265 crf 33": ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "33", "-x265-params", "log-level=none"],
    "vp9 crf 20": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "20", "-b:v", "0"],
    "vp9 crf 32": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "32", "-b:v", "0"],
    "vp9 crf 42": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "42", "-b:v", "0"],
}


@dataclass(frozen=True)
class Style:
    """A style of libass: faces by language, em as a share of the frame's height, colours as &HAABBGGRR."""

    en: str
    zh: str
    em: float = 0.06
    primary: str = "&H00FFFFFF"
    outline_color: str = "&H00000000"
    back: str = "&H80000000"
    bold: int = 0
    italic: int = 0
    border: int = 1
    outline: float = 2.0
    shadow: float = 0.0


# Faces that the training never draws are marked as such in fonts/: Poppins, Crimson Text, WenQuanYi Micro Hei, ...
STYLES = {
    "white, outline": Style("Poppins", "WenQuanYi Micro Hei"),
    "white, thick outline": Style("Open Sans", "Noto Sans SC", outline=3.5),
    "white, shadow": Style("Poppins", "WenQuanYi Micro Hei", outline=0.0, shadow=2.5, back="&H00000000"),
    "plain white": Style("Open Sans", "WenQuanYi Micro Hei", outline=0.0),
    "yellow, outline": Style("Poppins", "WenQuanYi Micro Hei", primary="&H0000F0FF"),
    "cyan, thin dark outline": Style(
        "Open Sans", "Noto Sans SC", primary="&H00FFFF00", outline_color="&H00302000", outline=0.8
    ),
    "green, white outline": Style("Poppins", "WenQuanYi Micro Hei", primary="&H00208020", outline_color="&H00FFFFFF"),
    "black, white outline": Style("Open Sans", "WenQuanYi Micro Hei", primary="&H00000000", outline_color="&H00FFFFFF"),
    "white on a box": Style(
        "Poppins", "WenQuanYi Micro Hei", border=3, outline=4.0, outline_color="&H40000000", back="&H40000000"
    ),
    "italic": Style("Open Sans", "Noto Sans SC", italic=1),
    "serif": Style("Crimson Text", "Noto Serif SC", outline=1.5),
    "condensed, pink": Style("Barlow Condensed", "ZCOOL KuaiLe", primary="&H00C080FF", outline=2.5),
    "small": Style("Open Sans", "WenQuanYi Micro Hei", em=0.036, outline=1.2),
    "translucent": Style("Poppins", "WenQuanYi Micro Hei", primary="&H50FFFFFF", outline_color="&H50000000"),
}  # fmt: skip

# Styles that were not looked at when the network and its data were made: other colours, outlines and faces.
OTHER_STYLES = {
    "grey, thin outline": Style("Rubik", "WenQuanYi Micro Hei", primary="&H00C8C8C8", outline=1.0),
    "orange": Style("Fira Sans", "Noto Sans SC", primary="&H000090FF", outline=1.8),
    "light blue, shadow": Style(
        "Nunito", "WenQuanYi Micro Hei", primary="&H00FFD890", outline=0.0, shadow=2.0, back="&H00000000"
    ),
    "white, blue outline": Style("Arimo", "Noto Sans SC", outline_color="&H00A04000", outline=2.5),
    "white, red outline": Style("Arimo", "Noto Sans SC", outline_color="&H002020B0"),
    "plain yellow": Style("Open Sans", "WenQuanYi Micro Hei", primary="&H0000E8FF", outline=0.0),
    "plain black": Style("Open Sans", "WenQuanYi Micro Hei", primary="&H00101010", outline=0.0),
    "red, white outline": Style("Montserrat", "Noto Sans SC", primary="&H002020D0", outline_color="&H00FFFFFF"),
    "small, thin outline": Style("Arimo", "WenQuanYi Micro Hei", em=0.04, outline=0.7),
    "large, bold": Style("Montserrat", "Noto Sans SC", em=0.085, bold=1, outline=3.0),
    "white on an opaque box": Style(
        "Arimo", "WenQuanYi Micro Hei", border=3, outline=5.0, outline_color="&H00000000", back="&H00000000"
    ),
    "black on a white box": Style(
        "Arimo", "WenQuanYi Micro Hei", primary="&H00000000", border=3, outline=5.0, outline_color="&H20FFFFFF",
        back="&H20FFFFFF",
    ),
    "magenta, thin outline": Style("Poppins", "Noto Sans SC", primary="&H00FF40FF", outline=0.8),
    "green, thin outline": Style("Open Sans", "WenQuanYi Micro Hei", primary="&H0040FF40", outline=0.8),
    "typewriter": Style("Courier Prime", "WenQuanYi Micro Hei", outline=1.2),
    "handwritten": Style("Caveat", "Long Cang", em=0.07, outline=1.5),
}  # fmt: skip
# Styles that no choice was made by: those of `other` were looked at for the sizes of reading, and for `strip_*`.
HELD_OUT_STYLES = {
    "silver, soft shadow": Style(
        "Poppins", "Noto Serif SC", primary="&H00D0D0D0", outline=0.5, shadow=1.5, back="&H40000000"
    ),
    "lime": Style("Crimson Text", "WenQuanYi Micro Hei", primary="&H0000FF80", outline=1.4),
    "peach, brown outline": Style(
        "Barlow Condensed", "Noto Sans SC", primary="&H00B0D0FF", outline_color="&H00103050", outline=1.6
    ),
    "white, grey outline": Style("Poppins", "WenQuanYi Micro Hei", outline_color="&H00606060", outline=1.5),
    "violet, white outline": Style(
        "Montserrat", "Noto Sans SC", primary="&H00B03070", outline_color="&H00FFFFFF", outline=1.5
    ),
    "plain cyan": Style("Rubik", "WenQuanYi Micro Hei", primary="&H00FFFF40", outline=0.0),
    "yellow, shadow": Style(
        "Fira Sans", "WenQuanYi Micro Hei", primary="&H0040E0FF", outline=0.0, shadow=2.0, back="&H00000000"
    ),
    "white, hairline outline": Style("Poppins", "WenQuanYi Micro Hei", outline=0.6),
    "pale green, thin outline": Style("Nunito", "Noto Sans SC", primary="&H00C0F0C0", outline=1.0),
    "brown, white outline": Style(
        "Crimson Text", "WenQuanYi Micro Hei", primary="&H00204080", outline_color="&H00F0F0F0"
    ),
    "white on a blue box": Style(
        "Fira Sans", "Noto Sans SC", border=3, outline=4.0, outline_color="&H30803010", back="&H30803010"
    ),
    "yellow on a grey box": Style(
        "Poppins", "WenQuanYi Micro Hei", primary="&H0000E0FF", border=3, outline=4.0, outline_color="&H60404040",
        back="&H60404040",
    ),
    "small serif": Style("Crimson Text", "Noto Serif SC", em=0.042, outline=1.0),
    "bold italic": Style("Poppins", "Noto Sans SC", em=0.065, bold=1, italic=1),
    "outline and shadow": Style(
        "Barlow Condensed", "WenQuanYi Micro Hei", outline=1.2, shadow=1.8, back="&H60000000"
    ),
    "half transparent": Style(
        "Rubik", "WenQuanYi Micro Hei", primary="&H60FFFFFF", outline_color="&H40000000", outline=1.5
    ),
}  # fmt: skip
STYLE_SETS = {"usual": STYLES, "other": OTHER_STYLES, "held-out": HELD_OUT_STYLES}
ALL_STYLES = STYLES | OTHER_STYLES | HELD_OUT_STYLES


HEADER = """[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
ScaledBorderAndShadow: yes
WrapStyle: 2
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, Italic, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
{styles}
Style: mark,Open Sans,{mark},&H70FFFFFF,&HA0000000,&HA0000000,1,0,1,1,0,9,0,24,24,1
Style: sign,Anton,{sign},&H00303030,&H00000000,&H00000000,0,0,1,0,0,5,0,0,0,1
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""  # noqa: E501 - the format


@dataclass(frozen=True)
class Event:
    begin: float
    end: float
    style: str
    lang: str
    text: str


def timestamp(seconds: float) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:05.2f}"


def face_of(name: str) -> Path:
    return Path(font_catalogue.bundled(name)[0].path)


def fonts_folder(folder: Path) -> dict[str, Path]:
    """Copies of all faces of the styles in one folder, as ffmpeg takes them; family and file name -> file."""
    names = {name for style in ALL_STYLES.values() for name in (style.en, style.zh)} | {"Open Sans", "Anton"}
    folder.mkdir(exist_ok=True)
    fonts = {}
    for name in sorted(names):
        for face in font_catalogue.bundled(name):
            target = folder / Path(face.path).name
            target.write_bytes(Path(face.path).read_bytes())
            fonts[f"{name} {target.name}"] = target
    return fonts


def texts(lang: str, count: int) -> list[str]:
    spec = (sub_en if lang == "en" else sub_zh)(n=100, n_test=100_000, seed=11)
    return [recipe.text.replace("{", "(").replace("\\", "/") for recipe in plan(spec, "test", 0, count)]


def script(events: list[Event], width: int, height: int, extra: str = "") -> str:
    styles = []
    for name, s in ALL_STYLES.items():
        for lang in ("en", "zh"):
            face = getattr(s, lang)
            size = ass_size(face, s.em * height)
            styles.append(
                f"Style: {name.replace(',', '')}-{lang},{family_of(face)},{size:.2f},{s.primary},{s.outline_color},"
                f"{s.back},{-s.bold},{-s.italic},{s.border},{s.outline},{s.shadow},2,20,20,{round(0.05 * height)},1"
            )
    lines = [
        f"Dialogue: 0,{timestamp(e.begin)},{timestamp(e.end)},{e.style.replace(',', '')}-{e.lang},,0,0,0,,{e.text}"
        for e in events
    ]
    header = HEADER.format(
        width=width, height=height, styles="\n".join(styles), mark=round(0.06 * height), sign=round(0.09 * height)
    )
    return header + "\n".join(lines) + "\n" + extra


def family_of(name: str) -> str:
    """The name of a family inside of its files, by which libass finds it."""
    return str(TTFont(face_of(name))["name"].getDebugName(1))


def ass_size(family: str, em: float) -> float:
    """libass's font size, the height of ascender and descender, of an em in px."""
    font = TTFont(face_of(family))
    return em * (font["OS/2"].usWinAscent + font["OS/2"].usWinDescent) / font["head"].unitsPerEm


def burn_in(clip: Path, start: float, seconds: float, ass: Path, fonts: Path, encoder: list[str], out: Path) -> None:
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-ss", str(start), "-t", str(seconds), "-i", clip, "-an",
         "-vf", f"ass={ass}:fontsdir={fonts}", "-pix_fmt", "yuv420p", *encoder, out], check=True,
    )  # fmt: skip


def distractors(seconds: float, width: int, height: int) -> str:
    """A watermark during the second half, low in the picture as well, and a sign every ten seconds."""
    half = seconds / 2
    lines = [
        f"Dialogue: 1,{timestamp(half)},{timestamp(seconds)},mark,,0,0,0,,Channel 7",
        f"Dialogue: 1,{timestamp(half)},{timestamp(seconds)},mark,,0,0,0,,"
        f"{{\\an3\\pos({width - 24},{round(0.8 * height)})}}@film.example",
    ]
    for second in range(4, int(seconds), 10):
        place = f"{round(0.3 * width)},{round(0.35 * height)}"
        lines.append(
            f"Dialogue: 1,{timestamp(second)},{timestamp(second + 3)},sign,,0,0,0,,"
            f"{{\\pos({place})\\frz8\\frx20\\fry15\\c&H2040C0&}}HOTEL"
        )
    return "\n".join(lines) + "\n"
