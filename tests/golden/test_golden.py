"""Recipes and pixels, frozen. Where a change of them is meant, raise PIXELS in version.py and run

python tests/golden/test_golden.py
"""

import hashlib
import json
from pathlib import Path

import pytest

from subsynth import pairs, sub_en, sub_zh
from subsynth.core.version import PIXELS
from subsynth.spec.spec import SPLITS

STORE = Path(__file__).with_name("samples.json")
PLACES = [(lang, split, index) for lang in ("en", "zh") for split in SPLITS for index in (0, 1, 17, 99_999)]


def sample(lang, split, index):
    pair = next(pairs({"en": sub_en, "zh": sub_zh}[lang](), split, index, index + 1))
    digests = {name: hashlib.sha256(getattr(pair, name).tobytes()).hexdigest() for name in ("image", "ground_truth")}
    return {"recipe": pair.recipe.row(), "contrast": pair.contrast, **digests}


@pytest.mark.parametrize(("lang", "split", "index"), PLACES)
def test_samples_are_those_of_this_version(lang, split, index):
    stored = json.loads(STORE.read_text(encoding="utf-8"))
    assert stored["pixels"] == PIXELS
    assert sample(lang, split, index) == stored[f"{lang} {split} {index}"]


if __name__ == "__main__":
    found = {"pixels": PIXELS} | {" ".join(map(str, p)): sample(*p) for p in PLACES}
    STORE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
