"""How well tesseract reads the ground truth of each language: a check of fonts, shaping and direction from outside.

    apt-get install tesseract-ocr tesseract-ocr-{ara,heb,...}     # the data of the languages (Debian)
    python benchmarks/languages.py [--count 60] [CODE ...]

For each language, samples of `test` are drawn without the source "letters", whose lines are no words. Their ground
truth, enlarged three times, is read as one line. The rate is one minus the edit distance, as a share of the characters
of the text; spaces are not compared. The family with the lowest rate is named: display faces are hard to read.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import subprocess
import unicodedata
from collections import defaultdict

import numpy as np
from PIL import Image

from dbram_baseline.evaluation.edit_distance import edit_distance
from subsynth import pairs
from subsynth.data.languages import LANGUAGES
from subsynth.spec.presets import preset
from subsynth.spec.weights import Weights

TRAINED = {
    "en": "eng", "zh": "chi_sim", "zh-Hant": "chi_tra", "ja": "jpn", "ko": "kor", "vi": "vie", "th": "tha", "hi": "hin",
    "ar": "ara", "he": "heb", "ru": "rus", "uk": "ukr", "el": "ell", "tr": "tur", "pl": "pol", "cs": "ces", "de": "deu",
    "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld",
}  # fmt: skip


def read(truth: np.ndarray, language: str) -> str:
    height, width = truth.shape
    page = Image.new("L", (3 * width + 40, 3 * height + 40), 255)
    page.paste(Image.fromarray(truth).resize((3 * width, 3 * height), Image.Resampling.BICUBIC), (20, 20))
    content = io.BytesIO()
    page.save(content, "PNG")
    command = ["tesseract", "stdin", "stdout", "--psm", "7", "-l", TRAINED[language]]
    return subprocess.run(command, input=content.getvalue(), capture_output=True, check=True).stdout.decode()


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def measure(language: str, count: int) -> None:
    spec = preset(language)
    sources = {name: weight for name, weight in spec.text.sources.items() if name != "letters"}
    spec = dataclasses.replace(spec, text=dataclasses.replace(spec.text, sources=Weights(sources)), seed=7)
    errors, lengths = defaultdict(int), defaultdict(int)
    exact = 0
    for pair in pairs(spec, "test", 0, count):
        text, found = plain(pair.recipe.text), plain(read(pair.ground_truth, language))
        family = pair.recipe.font.removesuffix(" Italic").removesuffix(" Bold").removesuffix(" Regular")
        errors[family] += min(len(text), edit_distance(text, found))
        lengths[family] += len(text)
        exact += text == found
    rates = {family: 1 - errors[family] / lengths[family] for family in lengths}
    rate = 1 - sum(errors.values()) / sum(lengths.values())
    worst = min(rates, key=rates.__getitem__)
    print(f"| {language} | {rate:.1%} | {exact / count:.0%} | {worst}, {rates[worst]:.0%} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("languages", nargs="*", choices=[[], *LANGUAGES], metavar="CODE")
    parser.add_argument("--count", type=int, default=60)
    options = parser.parse_args()
    print("| language | characters read | lines exact | lowest family |\n|---|---|---|---|")
    for language in options.languages or LANGUAGES:
        measure(language, options.count)


if __name__ == "__main__":
    main()
