"""`compact`: the network that is made for films: which pixels are text, and which the subtitle changed."""

from __future__ import annotations

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor

from dbram_baseline.networks.plain_unet import PlainUNet


class Compact(
    PlainUNet,
    PyTorchModelHubMixin,
    library_name="subsynth",  # type: ignore[call-arg]
    license="apache-2.0",  # type: ignore[call-arg]
    repo_url="https://github.com/subsynth/subsynth",  # type: ignore[call-arg]
):
    """The body of `plainu` with two planes of logits: text (fill), and erase (fill, outline, shadow and box).

    `Compact.from_pretrained(folder or repository)` loads weights with their configuration, and `push_to_hub` publishes
    them.
    """

    planes = 2
    context_blocks = 2

    def __init__(self, width: int = 16, norm: str = "batch", dropout: float = 0.0):
        super().__init__(width, norm, dropout, self.context_blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Binarize images (B, 3, H, W) in [-1, 1], as the other networks: -1 where text is certain, 1 where it is not.

        Of a logit z the probability of text is sigmoid(z), so the grey is 1 - 2 sigmoid(z) = -tanh(z / 2).
        """
        return -torch.tanh(self.logits(x)[:, :1] / 2).expand(-1, 3, -1, -1)
