"""The device and the precision that a network runs in."""

from __future__ import annotations

import torch

from dbram_baseline.errors import BaselineError

PRECISIONS = ("auto", "bf16", "fp32")


def select_device(name: str) -> torch.device:
    """The device called `name`; "auto" is the GPU where there is one. Raises BaselineError if it is not available."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise BaselineError(f"--device {name!r}: {reason}; auto selects an available device") from error
    return device


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Whether networks run in bf16: if requested, or with "auto" where the hardware multiplies in it."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())


def network_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The type that weights are converted to for scoring."""
    return torch.bfloat16 if uses_bf16(precision, device) else torch.float32
