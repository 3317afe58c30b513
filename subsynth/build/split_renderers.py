"""The renderers of a data set's splits, one at a time: shards come split by split, so two are never needed at once."""

from __future__ import annotations

from subsynth.assets.assets import Assets
from subsynth.rendering.render import Renderer
from subsynth.spec.spec import Spec


class SplitRenderers:
    """Opens the assets of a split when it is first requested, and closes those of the split before."""

    def __init__(self, spec: Spec):
        self._spec = spec
        self._renderer: Renderer | None = None

    def get(self, split: str) -> Renderer:
        """The renderer of a split. Raises MaterialError for unusable assets."""
        if self._renderer is None or self._renderer.assets.split != split:
            self._renderer = None  # closed before the next is opened: both may not fit into memory
            self._renderer = Renderer(Assets.open(self._spec, split))
        return self._renderer
