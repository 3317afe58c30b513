"""Synthetic subtitle crops with exact binary ground truth.

from subsynth import pairs, sub_en
for pair in pairs(sub_en(), "train", 0, 10):
    pair.image          # RGB uint8 (32, 280, 3)
    pair.ground_truth   # uint8 (32, 280), text 0, background 255
    pair.recipe.text    # and every other decision
"""

from subsynth.core.errors import HubError, MaterialError, OutputError, SpecError, SubsynthError, WorkerError
from subsynth.core.version import __version__

TYPE_CHECKING = False  # not from typing, whose import takes longer than this module's
if TYPE_CHECKING:
    from subsynth.binarization.binarizer import Binarizer
    from subsynth.binarization.result import Result
    from subsynth.data.languages import LANGUAGES
    from subsynth.planning.planner import plan
    from subsynth.planning.recipe import Recipe
    from subsynth.rendering.render import Pair, pairs, render
    from subsynth.spec.presets import film_en, film_zh, preset, sub_en, sub_zh
    from subsynth.spec.spec import Spec

__all__ = [
    "LANGUAGES", "Binarizer", "HubError", "MaterialError", "OutputError", "Pair", "Recipe", "Result", "Spec",
    "SpecError", "SubsynthError", "WorkerError", "__version__", "film_en", "film_zh", "pairs", "plan", "preset",
    "render", "sub_en", "sub_zh",
]  # fmt: skip

# The rest is imported when it is used: the command line must handle Ctrl-C while the heavy modules are imported.
_MODULES = {
    "LANGUAGES": "data.languages", "Binarizer": "binarization.binarizer", "Result": "binarization.result",
    "Pair": "rendering.render", "Recipe": "planning.recipe", "Spec": "spec.spec", "film_en": "spec.presets",
    "film_zh": "spec.presets", "pairs": "rendering.render", "plan": "planning.planner", "preset": "spec.presets",
    "render": "rendering.render",
    "sub_en": "spec.presets", "sub_zh": "spec.presets",
}  # fmt: skip


if not TYPE_CHECKING:  # type checkers see the imports above, and know which names there are

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - would be one of this package's names

        globals()[name] = value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
