"""Batch norms folded into the convolutions before them: the same outputs in less time."""

from __future__ import annotations

import copy

from torch import nn


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """A copy for inference: in evaluation mode, each batch norm folded into the convolution before it."""
    network = copy.deepcopy(network).eval()
    for parent in network.modules():
        if not isinstance(parent, nn.Sequential):
            continue
        for i in range(len(parent) - 1):
            conv, norm = parent[i], parent[i + 1]
            if isinstance(norm, nn.BatchNorm2d) and isinstance(conv, nn.Conv2d | nn.ConvTranspose2d):
                conv.weight, conv.bias = nn.utils.fusion.fuse_conv_bn_weights(
                    conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias,
                    transpose=isinstance(conv, nn.ConvTranspose2d),
                )  # fmt: skip
                parent[i + 1] = nn.Identity()
    return network
