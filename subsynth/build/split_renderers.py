"""The renderers of a data set's splits, one at a time: shards come split by split, so two are never needed at once."""

from __future__ import annotations

from collections.abc import Callable

from subsynth.assets.assets import Assets
from subsynth.rendering.render import Renderer
from subsynth.spec.spec import Spec

OpenAssets = Callable[[Spec, str], Assets]  # (spec, split) -> assets: Assets.open, or shared_assets


class SplitRenderers:
    """Opens the assets of a split when it is first requested, and drops those of the split before.

    With `shared_assets` in place of `Assets.open`, assets stay open and are shared with the rest of the process.
    """

    def __init__(self, spec: Spec, open_assets: OpenAssets = Assets.open):
        self._spec, self._open_assets = spec, open_assets
        self._renderer: Renderer | None = None

    def get(self, split: str) -> Renderer:
        """The renderer of a split. Raises MaterialError for unusable assets."""
        if self._renderer is None or self._renderer.assets.split != split:
            self._renderer = None  # dropped before the next is opened: both may not fit into memory
            self._renderer = Renderer(self._open_assets(self._spec, split))
        return self._renderer
