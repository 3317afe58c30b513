"""Synthetic subtitle crops with exact binary ground truth.

from subsynth import pairs, sub_en
for pair in pairs(sub_en(), "train", 0, 10):
    pair.image          # RGB uint8 (32, 280, 3)
    pair.ground_truth   # uint8 (32, 280), text 0, background 255
    pair.recipe.text    # and everything else that was decided
"""

from subsynth.core.errors import MaterialError, OutputError, SpecError, SubsynthError, WorkerError
from subsynth.core.version import __version__
from subsynth.planning.planner import plan
from subsynth.planning.recipe import Recipe
from subsynth.rendering.render import Pair, pairs, render
from subsynth.spec.presets import sub_en, sub_zh
from subsynth.spec.spec import Spec

__all__ = [
    "MaterialError", "OutputError", "Pair", "Recipe", "Spec", "SpecError", "SubsynthError", "WorkerError",
    "__version__", "pairs", "plan", "render", "sub_en", "sub_zh",
]  # fmt: skip
