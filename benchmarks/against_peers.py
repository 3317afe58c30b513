"""CPU time per image against other generators, with equal work for each.

    python benchmarks/against_peers.py WORK_DIR [--rounds 3]

Each peer is installed into a virtual environment of its own below WORK_DIR, with versions that it still runs with. All
draw the same sentences in the same fonts on the same photographs, blur them (except neots, which cannot), and write
image and mask as files (neots has no mask; ours are stored in parquet with every column). The figure is CPU time per
image of the process and its children: a long run minus a short one, which removes start-up. The tools alternate; the
smallest value of the rounds is reported.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
from fontTools.ttLib import TTFont

from subsynth import Spec, sub_en, sub_zh
from subsynth.assets.assets import Assets
from subsynth.assets.pictures import bundled_pictures
from subsynth.assets.preparation import COMPILE_FROM, prepare
from subsynth.data import font_catalogue
from subsynth.kernels import compilation
from subsynth.spec.spec import SPLITS

PEERS = {
    "trdg": ["trdg==1.8.0", "pillow==9.5.0", "numpy<2", "setuptools<81"],
    "synthtiger": ["synthtiger==1.2.1", "pillow==9.5.0", "numpy<2", "scipy<1.14"],
    "neots": ["neots==0.3.4"],
}
LENGTHS = {"subsynth": (1000, 11000), "trdg": (50, 350), "synthtiger": (50, 550), "neots": (500, 4500)}
GOALS = {"trdg": 60, "synthtiger": 60, "neots": 5}
WORK_DONE = {
    "subsynth": "PNG + mask, blur, noise, codec",
    "trdg": "JPEG + mask, blur",
    "synthtiger": "JPEG + mask, blur",
    "neots": "PNG; no blur, no mask",
}


def install(work: Path) -> None:
    for name, packages in PEERS.items():
        folder = work / name
        if not (folder / "complete").exists():
            print(f"installing {name} ...", flush=True)
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([folder / "bin" / "pip", "install", "-q", *packages], check=True)
            (folder / "complete").touch()


def write_assets(work: Path, lang: str, origin: str) -> dict[str, str]:
    """Sentences, fonts and photographs as folders, for all tools.

    "ours": the bundled fonts, which are subset and unhinted, and photographs of 640 x 360. "usual": the fonts that
    trdg ships, complete and hinted as most fonts are, and photographs of 1280 x 720.
    """
    folder = work / f"assets-{origin}-{lang}"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("fonts", "fonts-and-charsets", "photos"):
        (folder / name).mkdir(parents=True)
    spec = {"en": sub_en, "zh": sub_zh}[lang]()
    if origin == "ours":
        families = spec.fonts.families if lang == "en" else ("Noto Sans SC", "Noto Serif SC", "Subsynth Kai")
        files = [Path(font_catalogue.bundled(name)[0].path) for name in families]
    else:
        shipped = next(work.glob("trdg/lib/*/site-packages/trdg/fonts")) / {"en": "latin", "zh": "cn"}[lang]
        files = sorted(shipped.iterdir())[:10]
    charsets = [set(TTFont(path, lazy=True).getBestCmap()) for path in files]
    sampled = [text for split in SPLITS for text in Assets.open(spec, split).text.lines.text[::20]]
    lines = [text for text in sampled if all(set(map(ord, text)) <= charset for charset in charsets)]
    (folder / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for path in files:
        shutil.copy(path, folder / "fonts")
        target = Path(shutil.copy(path, folder / "fonts-and-charsets"))
        target.with_suffix(".txt").write_text("\n".join(sorted(set("".join(lines)))), encoding="utf-8")
    for picture in bundled_pictures()[:10]:
        image = cv2.imread(picture.path)
        scale = 1 if origin == "ours" else 2
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "photos" / Path(picture.path).name), image)
    spec_of_assets = {
        "lang": lang,
        "n": 1, "n_test": 1,
        "text": {"files": [f"{folder}/lines.txt"]},
        "fonts": {"files": sorted(str(p) for p in (folder / "fonts").iterdir())},
        "background": {"folders": [f"{folder}/photos"]},
    }  # fmt: skip
    (folder / "spec.yaml").write_text(json.dumps(spec_of_assets), encoding="utf-8")
    names = {
        "corpus": "lines.txt",
        "fonts": "fonts-and-charsets",
        "fonts_only": "fonts",
        "photos": "photos",
        "spec": "spec.yaml",
    }
    return {key: f"{folder}/{name}" for key, name in names.items()}


def neots(work: Path, lang: str, count: int, assets: dict[str, str], out: Path) -> list[str]:
    config = {
        "text_sampler": {
            "min_targets": 5, "max_targets": 50, "font_size_px": 24, "vertical_prob": 0.0,
            "sample_strategy": "auto-fallback", "font_list": [assets["fonts_only"]],
        },
        "random_config": [{"type": "sequential", "prob": 1.0, "from_file": assets["corpus"]}],
        "bg_sampler": {
            "bg_image_prob": 1.0, "gray_bg_prob": 0.0, "text_color": "auto", "bg_color": "auto",
            "bg_list": [assets["photos"]],
        },
        "post_process": {
            "text_effects": {"effect_prob": 0.2, "partial_effect_prob": 0.8},
            "text_paste": {
                "scale_range": [0.7, 1.1], "margin_range": [-5, 20], "offset_prob": 0.5,
                "h_offset_range": [-7, 7], "v_offset_range": [-5, 5],
            },
            "transforms": {
                "rotation_prob": 0.0, "rotation_range": [-1, 1], "distortion_prob": 0.0, "distortion_level": 0.0,
            },
        },
        "generate": {
            "output_height": 32, "retry_on_error": True, "out_jsonl": f"{out}/labels.jsonl", "out_dir": f"{out}/images",
            "batchsize": 1000, "hierarchical_structure": [100, 625],
        },
    }  # fmt: skip
    path = work / f"neots-{lang}.json"
    path.write_text(json.dumps(config))
    return [f"{work}/neots/bin/neots", "singleline", "--config", str(path), "--total", str(count), "--workers", "1"]


def trdg(work: Path, lang: str, count: int, assets: dict[str, str], out: Path) -> list[str]:
    options = ["-c", str(count), "-i", assets["corpus"], "-fd", assets["fonts_only"], "-id", assets["photos"]]
    options += ["-b", "3", "-f", "32"]
    options += ["-bl", "1", "-rbl", "-om", "1", "-tc", "#000000,#FFFFFF", "-t", "1", "-e", "jpg", "-na", "2"]
    return [f"{work}/trdg/bin/trdg", *options, "-l", {"en": "en", "zh": "cn"}[lang], "--output_dir", str(out)]


def synthtiger(work: Path, lang: str, count: int, assets: dict[str, str], out: Path) -> list[str]:
    config = work / f"synthtiger-{lang}.yaml"
    config.write_text(json.dumps(assets))
    template = str(Path(__file__).parent / "peers" / "synthtiger_line.py")
    options = ["-o", str(out), "-c", str(count), "-w", "0", "-s", "1", template, "Line", str(config)]
    return [f"{work}/synthtiger/bin/synthtiger", *options]


def subsynth(_work: Path, _lang: str, count: int, assets: dict[str, str], out: Path) -> list[str]:
    options = ["--spec", assets["spec"], "--n", str(count), "--n-test", "1", "--workers", "1", "--out", str(out)]
    return [sys.executable, "-m", "subsynth", "render", *options]


TOOLS: dict[str, Callable[[Path, str, int, dict[str, str], Path], list[str]]] = {
    "subsynth": subsynth, "trdg": trdg, "synthtiger": synthtiger, "neots": neots,
}  # fmt: skip


def cpu_seconds(command: list[str], out: Path, expected: int) -> float:
    """CPU seconds of a run and all of its children.

    trdg silently drops images whose text resembles the background; they count as written, since they were drawn.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(command, cwd=out.parent, capture_output=True, text=True, check=False, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    written = sum(1 for p in out.rglob("*") if p.suffix in (".jpg", ".png") and "mask" not in p.name)
    if process.returncode or (command[0] != sys.executable and written < expected / 2):
        output = f"{process.stdout[-800:]}{process.stderr[-1500:]}"
        raise SystemExit(f"{command[0]}: exit code {process.returncode}, {written} images\n{output}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for the peers' environments")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    install(work)
    for origin, lang in itertools.product(("ours", "usual"), ("en", "zh")):
        assets = write_assets(work, lang, origin)
        prepare(Spec.load(assets["spec"]), COMPILE_FROM)
        times: dict[str, list[float]] = {name: [] for name in TOOLS}
        for _ in range(options.rounds):
            for name, tool in TOOLS.items():
                out = work / f"out-{name}"
                short, long = (cpu_seconds(tool(work, lang, n, assets, out), out, n) for n in LENGTHS[name])
                times[name].append((long - short) / (LENGTHS[name][1] - LENGTHS[name][0]) * 1000)
        ours = min(times["subsynth"])
        print(
            f"\n{lang}, {origin} fonts and photographs: CPU ms per image, minimum (maximum) of {options.rounds}; "
            f"load {os.getloadavg()[0]:.2f}; {compilation.description()}"
        )
        for name, values in times.items():
            ratio = min(values) / ours
            verdict = ""
            if name in GOALS:
                verdict = f"{ratio:6.1f} times ours; goal {GOALS[name]}: {'met' if ratio >= GOALS[name] else 'MISSED'}"
            print(f"  {name:<12}{min(values):8.3f} ({max(values):.3f})  {WORK_DONE[name]:<32}{verdict}")


if __name__ == "__main__":
    main()
