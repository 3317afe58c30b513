"""Strips of 32 x 280 px, as subtitle tools cut them: their truth is libass's own fill, before any coding."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import libass
import numpy as np
from film_material import (
    ALL_STYLES,
    ENCODERS,
    EVENT,
    PAUSE,
    STYLE_SETS,
    Event,
    burn_in,
    distractors,
    fonts_folder,
    script,
    texts,
)
from rapidocr import RapidOCR

from dbram_baseline.classical.thresholds import METHODS, to_grey
from dbram_baseline.evaluation.evaluate import predict_tiled, prepare_network
from dbram_baseline.evaluation.metrics import f_measure, psnr_binary
from dbram_baseline.evaluation.readers import BAND_PARAMS
from dbram_baseline.networks.device import select_device
from dbram_baseline.training.checkpoint import load_generator
from subsynth import Binarizer
from subsynth.assets.video_reading import open_video

HEIGHT, WIDTH = 32, 280  # px, of a strip


Method = Callable[["Strip"], np.ndarray]  # True on text; only methods that choose a polarity look at the truth


@dataclass(frozen=True)
class Strip:
    """What a subtitle tool cuts: an image (32, 280, 3), its truth (32, 280), True on text, and where it is from."""

    image: np.ndarray
    truth: np.ndarray
    style: str
    lang: str
    codec: str
    kind: str  # "text", or "blank" for the same place in a pause


def make_strips(clips: list[Path], count: int, styles: list[str], encoders: list[str], folder: Path) -> list[Strip]:
    """`count` subtitles for each encoder, and the same places in pauses; the second half has a watermark."""
    fonts, strips, number = fonts_folder(folder / "fonts"), [], 0
    lines = {"en": texts("en", 600), "zh": texts("zh", 600)}
    for round_number, codec in enumerate(encoders):
        clip = clips[round_number % len(clips)]
        with open_video(str(clip)) as video:
            width, height, duration = video.width, video.height, video.duration
        seconds = count * (EVENT + PAUSE)
        start = 20 + (round_number * 61.0) % max(1.0, duration - seconds - 60)
        events = []
        for i in range(count):
            name = styles[number % len(styles)]
            lang = "en" if (number // len(styles)) % 2 == 0 else "zh"
            text = lines[lang][number % 600]
            begin = i * (EVENT + PAUSE) + PAUSE
            events.append(Event(begin, begin + EVENT, name, lang, text))
            number += 1
        extra = distractors(seconds, width, height)
        ass = folder / f"{round_number}.ass"
        ass.write_text(script(events, width, height, extra), encoding="utf-8")
        suffix = "webm" if "vp9" in codec else "mkv"
        out = folder / f"{round_number}.{suffix}"
        burn_in(clip, start, seconds, ass, folder / "fonts", ENCODERS[codec], out)
        truth = libass.Track(script(events, width, height), fonts, (height, width))
        strips += cut_strips(out, events, truth, codec)
        truth.close()
        print(f"  {codec}: {len(strips)} strips so far", file=sys.stderr)
    return strips


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
    em = ALL_STYLES[event.style].em * image.shape[0]
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
    opacity = 255 - int(ALL_STYLES[event.style].primary[2:4], 16)
    result = []
    for x in range(0, size[0] - WIDTH + 1, WIDTH):
        mask = coverage[:, x : x + WIDTH] >= 0.5 * opacity
        if shown and mask.sum() < 40:
            continue
        kind = "text" if shown else "blank"
        mask = mask if shown else np.zeros_like(mask)
        result.append(Strip(picture[:, x : x + WIDTH].copy(), mask, event.style, event.lang, codec, kind))
    return result


def better_polarity(method: Callable[[np.ndarray], np.ndarray], grey: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The better one of a method's results for an image and its negative, which only the truth can tell."""
    masks = [method(grey), method(255 - grey)]
    if not truth.any():
        return min(masks, key=lambda mask: int(mask.sum()))
    return max(masks, key=lambda mask: f_measure(mask, truth))


def classical(name: str) -> Method:
    return lambda strip: better_polarity(METHODS[name], to_grey(strip.image), strip.truth)


def brightness(strip: Strip) -> np.ndarray:
    return to_grey(strip.image) >= 190


def network(model: Path | None) -> Method:
    binarizer = Binarizer(model)
    return lambda strip: binarizer.binarize(strip.image).coverage >= 128


def trained_networks(english: Path, chinese: Path) -> Method:
    """Generators of the baseline, one for each language."""
    device = select_device("cpu")
    networks = {
        lang: prepare_network(load_generator(path)[0], device) for lang, path in (("en", english), ("zh", chinese))
    }
    return lambda strip: predict_tiled(networks[strip.lang], strip.image) < 0.5


def otsu_in_detected_boxes() -> Method:
    """PP-OCR's detector, by rapidocr, and Otsu's threshold of either polarity inside of each of its boxes."""
    engine = RapidOCR(params={"Global.log_level": "error"} | BAND_PARAMS)

    def run(strip: Strip) -> np.ndarray:
        mask, grey = np.zeros_like(strip.truth), to_grey(strip.image)
        found = engine(np.ascontiguousarray(strip.image[:, :, ::-1]), use_det=True, use_cls=False, use_rec=False)
        for box in [] if found.boxes is None else found.boxes:
            (x0, y0), (x1, y1) = np.floor(box.min(axis=0)).astype(int), np.ceil(box.max(axis=0)).astype(int)
            area = slice(max(0, y0), max(0, y1)), slice(max(0, x0), max(0, x1))
            if grey[area].size:
                mask[area] |= better_polarity(METHODS["otsu"], grey[area], strip.truth[area])
        return mask

    return run


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
            styles = list(STYLE_SETS[arguments.styles])
            strips = make_strips(arguments.clips, arguments.count, styles, arguments.encoders, Path(folder))
        if cached:
            records = json.dumps([[s.style, s.lang, s.codec, s.kind] for s in strips])
            np.savez_compressed(
                cached, images=np.stack([s.image for s in strips]), truths=np.stack([s.truth for s in strips]),
                records=np.array(records),
            )  # fmt: skip
    methods: dict[str, Method] = {"subsynth binarize": network(arguments.model)}
    if not arguments.only:
        methods |= {"brightness >= 190": brightness}
        methods |= {f"{name} (better polarity)": classical(name) for name in ("otsu", "sauvola", "su")}
        methods["PP-OCR boxes, otsu inside"] = otsu_in_detected_boxes()
    if arguments.dbram:
        methods["DB-RAM, a quarter wide"] = trained_networks(*arguments.dbram)
    results = {}
    for i, (name, method) in enumerate(methods.items()):
        masks = [np.asarray(method(s), bool) for s in strips]
        results[name] = report(name, masks, strips, detailed=i == 0)
        if i == 0 and arguments.picture:
            picture_of_worst(masks, strips, arguments.picture)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
