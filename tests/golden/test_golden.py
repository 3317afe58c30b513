"""Recipes and pixels of this version, as digests. After an intended change, increase PIXELS in core/version.py and run

python tests/golden/test_golden.py
"""

import hashlib
import json
from pathlib import Path

import pytest

from subsynth import pairs
from subsynth.core.version import PIXELS
from subsynth.spec.presets import preset
from subsynth.spec.spec import PRESETS, SPLITS

STORE = Path(__file__).with_name("samples.json")
SAMPLES = [
    (f"{name}_{lang}", split, index)
    for name in PRESETS
    for lang in ("en", "zh", "ar", "hi")
    for split in SPLITS
    for index in (0, 1, 17, 99_999)
]


def render_sample(name, split, index):
    pair = next(pairs(preset(*reversed(name.split("_"))), split, index, index + 1))
    images = {name: getattr(pair, name) for name in ("image", "ground_truth", "erase_mask")}
    digests = {n: hashlib.sha256(image.tobytes()).hexdigest() for n, image in images.items() if image is not None}
    boxes = [list(box) for box in pair.line_boxes]
    return {"recipe": pair.recipe.row(), "contrast": pair.contrast, "line_boxes": boxes, **digests}


def stored_samples():
    return json.loads(STORE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "split", "index"), SAMPLES)
def test_samples_equal_those_stored_for_this_version(name, split, index):
    assert render_sample(name, split, index) == stored_samples()[f"{name} {split} {index}"]


def test_the_stored_samples_are_those_of_this_pixel_version():
    stored = stored_samples()
    assert stored.pop("pixels") == PIXELS
    assert set(stored) == {f"{name} {split} {index}" for name, split, index in SAMPLES}


if __name__ == "__main__":
    samples = {"pixels": PIXELS} | {" ".join(map(str, sample)): render_sample(*sample) for sample in SAMPLES}
    STORE.write_text(json.dumps(samples, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
