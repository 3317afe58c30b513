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
from subsynth.spec.spec import LANGUAGES, SPLITS

STORE = Path(__file__).with_name("samples.json")
SAMPLES = [(lang, split, index) for lang in LANGUAGES for split in SPLITS for index in (0, 1, 17, 99_999)]


def render_sample(lang, split, index):
    pair = next(pairs(preset(lang), split, index, index + 1))
    digests = {name: hashlib.sha256(getattr(pair, name).tobytes()).hexdigest() for name in ("image", "ground_truth")}
    return {"recipe": pair.recipe.row(), "contrast": pair.contrast, **digests}


def stored_samples():
    return json.loads(STORE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("lang", "split", "index"), SAMPLES)
def test_samples_equal_those_stored_for_this_version(lang, split, index):
    assert render_sample(lang, split, index) == stored_samples()[f"{lang} {split} {index}"]


def test_the_stored_samples_are_those_of_this_pixel_version():
    stored = stored_samples()
    assert stored.pop("pixels") == PIXELS
    assert set(stored) == {f"{lang} {split} {index}" for lang, split, index in SAMPLES}


if __name__ == "__main__":
    samples = {"pixels": PIXELS} | {" ".join(map(str, sample)): render_sample(*sample) for sample in SAMPLES}
    STORE.write_text(json.dumps(samples, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
