"""How well a binarizer lifts subtitles off a real film: burnt in by ffmpeg and libass, coded by real codecs.

    pip download --no-deps --no-binary :all: moviepy==2.2.1     # its source package has Big Buck Bunny as bbb.mp4
    python benchmarks/film.py strips bbb.mp4                    # strips of 32 x 280: all methods, styles and codecs
    python benchmarks/film.py readers bbb.mp4                   # what text readers make of frames and of the outputs
    python benchmarks/film.py whole bbb.mp4                     # a few minutes with a known subtitle file
    python benchmarks/film.py speed

It needs ffmpeg with libass, and libass9 (Debian). The truth is libass's own fill, before any coding.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from fontTools.ttLib import TTFont
from rapidfuzz.distance import Levenshtein

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import libass

from dbram_baseline.classical.thresholds import METHODS, to_grey
from dbram_baseline.evaluation.metrics import f_measure, psnr_binary
from dbram_baseline.evaluation.readers import READERS
from subsynth import Binarizer, pairs, plan, sub_en, sub_zh
from subsynth.assets.video_reading import open_video
from subsynth.binarization.films import Subtitle, find_subtitles
from subsynth.binarization.outputs import PICTURES
from subsynth.binarization.reading import TextReader
from subsynth.core.progress import NoProgress
from subsynth.data import font_catalogue

HEIGHT, WIDTH = 32, 280  # px, of a strip
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


@dataclass(frozen=True)
class Strip:
    """What a subtitle tool cuts: an image (32, 280, 3), its truth (32, 280), True on text, and where it is from."""

    image: np.ndarray
    truth: np.ndarray
    style: str
    lang: str
    codec: str
    kind: str  # "text", "blank", "watermark" or "sign"


def timestamp(seconds: float) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:05.2f}"


def face_of(name: str) -> Path:
    return Path(font_catalogue.bundled(name)[0].path)


def fonts_folder(folder: Path) -> dict[str, Path]:
    """Copies of all faces of the styles in one folder, as ffmpeg takes them; the name of each family -> its file."""
    names = {name for style in STYLES.values() for name in (style.en, style.zh)} | {"Open Sans", "Anton"}
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
    for name, s in STYLES.items():
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


def make_strips(clips: list[Path], count: int, folder: Path) -> list[Strip]:
    """`count` subtitles for each encoder, and frames without text, with a watermark and with a sign."""
    fonts, strips, number = fonts_folder(folder / "fonts"), [], 0
    lines = {"en": texts("en", 600), "zh": texts("zh", 600)}
    for round_number, (codec, encoder) in enumerate(ENCODERS.items()):
        clip = clips[round_number % len(clips)]
        with open_video(str(clip)) as video:
            width, height, duration = video.width, video.height, video.duration
        seconds = count * (EVENT + PAUSE)
        start = 20 + (round_number * 61.0) % max(1.0, duration - seconds - 60)
        events = []
        for i in range(count):
            name = list(STYLES)[number % len(STYLES)]
            lang = "en" if (number // len(STYLES)) % 2 == 0 else "zh"
            text = lines[lang][number % 600]
            begin = i * (EVENT + PAUSE) + PAUSE
            events.append(Event(begin, begin + EVENT, name, lang, text))
            number += 1
        extra = distractors(seconds, width, height)
        ass = folder / f"{round_number}.ass"
        ass.write_text(script(events, width, height, extra), encoding="utf-8")
        suffix = "webm" if "vp9" in codec else "mkv"
        out = folder / f"{round_number}.{suffix}"
        burn_in(clip, start, seconds, ass, folder / "fonts", encoder, out)
        truth = libass.Track(script(events, width, height), fonts, (height, width))
        strips += cut_strips(out, events, truth, codec)
        truth.close()
        print(f"  {codec}: {len(strips)} strips so far", file=sys.stderr)
    return strips


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


def cut_strips(path: Path, events: list[Event], truth: libass.Track, codec: str) -> list[Strip]:
    """The strips of each subtitle in the middle of its time, and of the same place in the pause before it."""
    strips, wanted = [], {}
    for event in events:
        wanted[event.begin + 0.5 * EVENT] = (event, True)
        wanted[max(0.0, event.begin - 0.5 * PAUSE)] = (event, False)
    times = sorted(wanted)
    with open_video(str(path)) as video:
        for frame in video.at_rate(1000):
            while times and frame.seconds >= times[0] - 0.02:
                event, shown = wanted[times.pop(0)]
                layers = truth.layers(round(1000 * (event.begin + 0.5 * EVENT)))
                strips += strips_of(frame.image, layers[0], event, shown, codec)
    return strips


def strips_of(image: np.ndarray, fill: np.ndarray, event: Event, shown: bool, codec: str) -> list[Strip]:
    rows, columns = np.flatnonzero(fill.max(axis=1) > 60), np.flatnonzero(fill.max(axis=0) > 60)
    if not len(rows):
        return []
    em = STYLES[event.style].em * image.shape[0]
    middle, tall = (rows[0] + rows[-1]) / 2, 1.35 * em
    top = int(np.clip(round(middle - tall / 2), 0, image.shape[0] - tall))
    bottom = top + round(tall)
    scale = HEIGHT / (bottom - top)
    left, right = max(0, columns[0] - round(0.4 * em)), min(image.shape[1], columns[-1] + round(0.4 * em))
    size = max(WIDTH, round((right - left) * scale)), HEIGHT
    if (right - left) * scale < WIDTH:  # a short line: more of the picture beside it
        extra = WIDTH / scale - (right - left)
        left = int(np.clip(left - extra / 2, 0, image.shape[1] - WIDTH / scale))
        right = min(image.shape[1], left + round(WIDTH / scale))
    picture = cv2.resize(image[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    coverage = cv2.resize(fill[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    # A translucent fill is text where it covers half of a pixel, whatever its opacity.
    opacity = 255 - int(STYLES[event.style].primary[2:4], 16)
    result = []
    for x in range(0, size[0] - WIDTH + 1, WIDTH):
        mask = coverage[:, x : x + WIDTH] >= 0.5 * opacity
        if shown and mask.sum() < 40:
            continue
        kind = "text" if shown else "blank"
        mask = mask if shown else np.zeros_like(mask)
        result.append(Strip(picture[:, x : x + WIDTH].copy(), mask, event.style, event.lang, codec, kind))
    return result


def classical(name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A classical method with the better of both polarities, which only the truth can tell."""

    def run(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
        grey = to_grey(image)
        masks = [METHODS[name](grey), METHODS[name](255 - grey)]
        if not truth.any():
            return min(masks, key=lambda mask: int(mask.sum()))
        return max(masks, key=lambda mask: f_measure(mask, truth))

    return run


def brightness(image: np.ndarray, _truth: np.ndarray) -> np.ndarray:
    return to_grey(image) >= 190


def network(model: Path | None) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    binarizer = Binarizer(model)
    return lambda image, _truth: binarizer.binarize(image).coverage >= 128


def report(name: str, masks: list[np.ndarray], strips: list[Strip], detailed: bool) -> dict[str, float]:
    outputs = list(zip(masks, strips, strict=True))
    scores = np.array([f_measure(m, s.truth) if s.kind == "text" else np.nan for m, s in outputs])
    text = np.isfinite(scores)
    psnrs = [min(psnr_binary(m, s.truth), 60.0) for m, s in outputs if s.kind == "text"]
    blank = [m.mean() for m, s in outputs if s.kind == "blank"]
    worst = np.sort(scores[text])[: max(1, text.sum() // 20)]
    row = {
        "F": scores[text].mean(), "PSNR": np.mean(psnrs), "worst 5 %": worst.mean(),
        "below .8": (scores[text] < 0.8).mean(), "blank ink": np.mean(blank), "strips": text.sum(),
    }  # fmt: skip
    print(f"{name:<28}" + "".join(f"{key} {value:<9.4g}" for key, value in row.items()))
    for field in ("style", "lang", "codec") if detailed else ():
        for value in dict.fromkeys(getattr(s, field) for s in strips):
            chosen = scores[np.array([getattr(s, field) == value for s in strips]) & text]
            print(f"    {value:<28} F {chosen.mean():.4f}  below .8 {(chosen < 0.8).mean():.3f}  ({len(chosen)})")
    return {key: float(value) for key, value in row.items()}


def picture_of_worst(masks: list[np.ndarray], strips: list[Strip], path: Path, count: int = 40) -> None:
    """The strips with the lowest F-measure, and the blank ones with the most ink: image, truth and output."""
    text = [i for i, s in enumerate(strips) if s.kind == "text"]
    text.sort(key=lambda i: f_measure(masks[i], strips[i].truth))
    blank = sorted((i for i, s in enumerate(strips) if s.kind == "blank"), key=lambda i: -masks[i].sum())
    rows = []
    for i in text[:count] + blank[: count // 4]:
        planes = [np.where(mask, np.uint8(0), np.uint8(255)) for mask in (strips[i].truth, masks[i])]
        rows.append(np.concatenate([strips[i].image, *(np.repeat(p[:, :, None], 3, 2) for p in planes)], axis=1))
    cv2.imwrite(str(path), np.concatenate(rows)[:, :, ::-1])


def strips_command(arguments: argparse.Namespace) -> None:
    cached = arguments.cache
    if cached and cached.exists():
        data = np.load(cached, allow_pickle=False)
        records = json.loads(str(data["records"]))
        strips = [Strip(i, t, *r) for i, t, r in zip(data["images"], data["truths"], records, strict=True)]
    else:
        with tempfile.TemporaryDirectory() as folder:
            strips = make_strips(arguments.clips, arguments.count, Path(folder))
        if cached:
            records = json.dumps([[s.style, s.lang, s.codec, s.kind] for s in strips])
            np.savez_compressed(
                cached, images=np.stack([s.image for s in strips]), truths=np.stack([s.truth for s in strips]),
                records=np.array(records),
            )  # fmt: skip
    methods = {"subsynth binarize": network(arguments.model)}
    if not arguments.only:
        methods |= {"brightness >= 190": brightness}
        methods |= {f"{name} (better polarity)": classical(name) for name in ("otsu", "sauvola", "su")}
    results = {}
    for i, (name, method) in enumerate(methods.items()):
        masks = [np.asarray(method(s.image, s.truth), bool) for s in strips]
        results[name] = report(name, masks, strips, detailed=i == 0)
        if i == 0 and arguments.picture:
            picture_of_worst(masks, strips, arguments.picture)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


@dataclass(frozen=True)
class Band:
    """The lower third of a frame, the text of its subtitle ("" in a pause), and whether it shows a watermark."""

    image: np.ndarray
    text: str
    lang: str
    watermark: bool


def make_bands(clip: Path, count: int, folder: Path) -> list[Band]:
    """`count` subtitles of each language in each style, and as many pauses; the second half has a watermark."""
    fonts_folder(folder / "fonts")
    bands = []
    for lang in ("en", "zh"):
        with open_video(str(clip)) as video:
            width, height = video.width, video.height
        seconds, names, source = count * (EVENT + PAUSE), list(STYLES), texts(lang, count)
        events = []
        for i in range(count):
            begin = i * (EVENT + PAUSE) + PAUSE
            events.append(Event(begin, begin + EVENT, names[i % len(names)], lang, source[i]))
        ass, out = folder / f"{lang}.ass", folder / f"{lang}.mkv"
        ass.write_text(script(events, width, height, distractors(seconds, width, height)), encoding="utf-8")
        burn_in(clip, 40.0, seconds, ass, folder / "fonts", ENCODERS["x264 crf 25"], out)
        times = {e.begin + 0.5 * EVENT: e.text for e in events} | {e.begin - 0.5 * PAUSE: "" for e in events}
        wanted = sorted(times)
        with open_video(str(out)) as video:
            for frame in video.at_rate(1000):
                while wanted and frame.seconds >= wanted[0] - 0.02:
                    time_ = wanted.pop(0)
                    low = frame.image[round(0.68 * height) :].copy()
                    bands.append(Band(low, times[time_], lang, time_ > seconds / 2))
    return bands


def readers_command(arguments: argparse.Namespace) -> None:
    """Characters wrong, lines exact, missed and phantom, by reader, version, language and watermark."""
    binarizer = Binarizer(arguments.model)
    with tempfile.TemporaryDirectory() as name:
        bands = make_bands(arguments.clips[0], arguments.count, Path(name))
    hard = []
    for lang, preset in (("en", sub_en), ("zh", sub_zh)):
        hard += [
            (p.image, p.recipe.text, lang) for p in pairs(preset(n=100, n_test=10_000), "test_hard", 0, arguments.hard)
        ]
    versions: dict[str, Callable[[np.ndarray], np.ndarray]] = {"raw frame": lambda image: image}
    for output in ("flat", "soft", "binary"):
        versions[output] = lambda image, output=output: as_rgb(PICTURES[output](image, binarizer.binarize(image)))
    for reader_name in arguments.readers:
        for lang in ("en", "zh"):
            read_band = READERS[reader_name](lang == "zh", True)
            read_strip = READERS[reader_name](lang == "zh", False)
            for version, make in versions.items():
                for watermark in (False, True):
                    chosen = [b for b in bands if b.lang == lang and b.watermark == watermark]
                    found = [read_band(make(b.image)) for b in chosen]
                    title = f"{reader_name} {lang} {version}, {'with' if watermark else 'no'} watermark"
                    print_reading(title, found, [b.text for b in chosen])
                chosen_hard = [(image, text) for image, text, language in hard if language == lang]
                found = [read_strip(make(image)) for image, _ in chosen_hard]
                print_reading(f"{reader_name} {lang} {version}, test_hard", found, [text for _, text in chosen_hard])


def print_reading(title: str, found: list[str], truth: list[str]) -> None:
    """A line read from a frame is exact, wrong, or, beside the subtitle or without one, a phantom."""
    errors = characters = exact = missed = phantoms = 0
    for lines, text in zip(found, truth, strict=True):
        read = ["".join(line.split()) for line in lines.splitlines() if line.strip()]
        expected = "".join(text.split())
        if not expected:
            phantoms += len(read)
            continue
        characters += len(expected)
        joined = "".join(read)
        # Other lines than the one that resembles the subtitle most are phantoms, unless all together resemble it more.
        best = min(read, key=lambda line: Levenshtein.distance(line, expected), default="")
        if Levenshtein.distance(joined, expected) <= Levenshtein.distance(best, expected):
            best = joined
        else:
            phantoms += len(read) - 1
        distance = min(Levenshtein.distance(best, expected), len(expected))
        errors += distance
        exact += distance == 0
        missed += distance > 0.8 * len(expected)
    total = sum(bool(text) for text in truth)
    print(
        f"{title:<48} characters wrong {100 * errors / characters:6.2f} %, lines exact {exact:3d} of {total}, "
        f"missed {missed:3d}, phantom {phantoms:3d}",
        flush=True,
    )


def as_rgb(picture: np.ndarray) -> np.ndarray:
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)


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
        seconds = time.perf_counter() - started
    compare(events, found, reader is not None)
    faster = arguments.seconds / seconds
    print(f"{arguments.seconds:.0f} s of film in {seconds:.0f} s: {faster:.2f} times as fast as it plays")


def overlaps(event: Event, subtitle: Subtitle) -> bool:
    """Whether they share more than half of the shorter one."""
    shared = min(event.end, subtitle.end) - max(event.begin, subtitle.begin)
    return shared > 0.5 * min(event.end - event.begin, subtitle.end - subtitle.begin)


def compare(events: list[Event], found: list[Subtitle], reads: bool) -> None:
    """Print how many events were found once, missed, or in pieces, and how exact their times and texts are."""
    matches = [(event, [f for f in found if overlaps(event, f)]) for event in events]
    once = [(event, parts[0]) for event, parts in matches if len(parts) == 1]
    others = [(event, parts) for event, parts in matches if len(parts) != 1]
    used = {id(f) for _, parts in matches for f in parts}
    phantoms = [f for f in found if id(f) not in used]
    missed = sum(not parts for _, parts in others)
    print(
        f"{len(events)} subtitles: {len(once)} found once, {missed} missed, {len(others) - missed} in pieces, "
        f"{len(phantoms)} phantoms"
    )
    errors = np.abs([[event.begin - f.begin, event.end - f.end] for event, f in once])
    print(
        f"times: mean error {1000 * errors.mean():.0f} ms, largest {1000 * errors.max():.0f} ms, "
        f"within 200 ms {(errors <= 0.2).mean():.4f}"
    )
    for event, parts in others[:10]:
        times = [(round(f.begin, 2), round(f.end, 2)) for f in parts]
        print(f"    {event.begin:.2f}-{event.end:.2f} {event.text!r} found as {times}")
    for f in phantoms[:10]:
        print(f"    phantom: {f.begin:.2f}-{f.end:.2f} box {tuple(f.box)} confidence {f.confidence:.2f} {f.made!r}")
    if not reads:
        return
    wrong = [(e, f) for e, f in once if "".join(e.text.replace("\\N", "").split()) != "".join(f.made.split())]
    print(f"read exactly: {len(once) - len(wrong)} of {len(events)}")
    for event, f in wrong:
        print(f"    {event.text!r} read as {f.made!r}")


def speed_command(arguments: argparse.Namespace) -> None:
    binarizer = Binarizer(arguments.model)
    for width, height in ((280, 32), (720, 135), (1280, 144), (1920, 216), (640, 360), (1280, 720)):
        image = np.random.default_rng(0).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
        binarizer.binarize(image)
        times = []
        for _ in range(15):
            started = time.perf_counter()
            binarizer.binarize(image)
            times.append(time.perf_counter() - started)
        print(f"{width} x {height}: {1000 * np.median(times):.1f} ms (fastest {1000 * min(times):.1f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    functions = {"strips": strips_command, "readers": readers_command, "whole": whole_command, "speed": speed_command}
    for name, function in functions.items():
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        command.add_argument("--model", type=Path, help="an ONNX file; the bundled one")
        if name == "speed":
            continue
        command.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
        if name == "strips":
            command.add_argument("--count", type=int, default=28, help="subtitles for each encoder")
            command.add_argument("--cache", type=Path, metavar="FILE.npz", help="keep the strips, and take them back")
            command.add_argument("--only", action="store_true", help="the network alone")
            command.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the worst strips")
            command.add_argument("--json", type=Path, metavar="FILE.json")
        elif name == "readers":
            command.add_argument("--count", type=int, default=56, help="subtitles of each language")
            command.add_argument("--hard", type=int, default=50, help="strips of test_hard of each language")
            command.add_argument("--readers", nargs="+", choices=list(READERS), default=["rapidocr", "tesseract"])
        else:
            command.add_argument("--seconds", type=float, default=180.0)
            command.add_argument("--lang", choices=["en", "zh"], default="en")
            command.add_argument("--style", type=int, default=0)
            command.add_argument("--distract", action="store_true", help="with a watermark and signs")
            command.add_argument("--read", action="store_true", help="read the texts too")
            command.add_argument("--read-from", choices=["", "flat", "soft", "binary"], default="")
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
