"""With what a cell was measured: the commit of the code, and the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from pathlib import Path

import torch

from subsynth import __version__


@cache
def commit() -> str:
    """The commit of the checkout that this file belongs to, or else the installed version."""

    def git(*arguments: str) -> str:
        process = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=False, timeout=20
        )
        return process.stdout.strip() if process.returncode == 0 else ""

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        tracked = git("ls-files", "--", Path(__file__).name)
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.TimeoutExpired):
        head = tracked = changed = ""
    return head + (" and changes" if changed else "") if head and tracked else f"subsynth {__version__}"


def machine(device: torch.device) -> str:
    """The processor, its cores, the device, and the versions of Python and torch."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = (line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line)
        model = next(names, model)
    gpu = f", {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    return f"{model}, {os.cpu_count()} cores{gpu}; Python {platform.python_version()}, torch {torch.__version__}"
