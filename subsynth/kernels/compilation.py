"""Compilation: whether this process uses compiled kernels, and how they are compiled ahead of a large run.

Each kernel returns the same bits as a plain function, which is its oracle and replaces it where numba is missing.
Kernels use integer arithmetic (and one exact division of floats), no fastmath and one thread. The other modules of
this folder compile when they are imported; machine code is kept in the cache.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import subprocess
import sys
from functools import cache as once
from importlib import metadata, util
from pathlib import Path

from subsynth.core import cache
from subsynth.core.errors import SubsynthError

# "numba" compiles at first use, "numpy" never; where it is unset, compiled code is used if it is in the cache.
SETTING = "SUBSYNTH_KERNELS"
MODULES = ("glyphs", "compositing", "degradation", "png_encoding")

log = logging.getLogger(__name__)


@once
def enabled() -> bool:
    """Whether this process draws with compiled kernels. Raises SubsynthError for an unknown setting."""
    return available() and (os.environ.get(SETTING) == "numba" or (_cache_entry() / "complete").exists())


def description() -> str:
    """What this process draws with: "numba" or "plain NumPy"."""
    return "numba" if enabled() else "plain NumPy"


@once
def available() -> bool:
    """Whether kernels can be used: numba is installed, and SUBSYNTH_KERNELS is not "numpy"."""
    setting = os.environ.get(SETTING, "")
    if setting not in ("", "numba", "numpy"):
        raise SubsynthError(f"{SETTING} is {setting!r}; use numba or numpy, or leave it unset")
    if setting == "numpy":
        return False
    installed = util.find_spec("numba") is not None
    if setting == "numba" and not installed:
        raise SubsynthError(f"{SETTING} is 'numba', which is not installed; pip install numba, or leave it unset")
    return installed


def start() -> subprocess.Popen[bytes] | None:
    """Start compiling in a child process, unless that is done or not possible. `finish` waits for it."""
    if not available() or (_cache_entry() / "complete").exists():
        return None
    log.info("compiling kernels, once for this machine")
    return subprocess.Popen([sys.executable, "-c", f"from {__name__} import compile_all; compile_all()"])


def finish(child: subprocess.Popen[bytes]) -> None:
    """Wait for the child process of `start`, and enable its kernels. Raises SubsynthError if compiling failed."""
    if child.wait():
        raise SubsynthError(f"the kernels could not be compiled (above); set {SETTING}=numpy to continue without them")
    enabled.cache_clear()


def compile_all() -> None:
    """Compile what is not in the cache, and mark the cache entry as complete."""
    for name in MODULES:
        importlib.import_module(f"{__package__}.{name}")
    (_cache_entry() / "complete").touch()


def machine_code_folder() -> Path | None:
    """The folder for machine code, or None where it cannot be written."""
    try:
        _cache_entry().mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return _cache_entry()


@once
def _cache_entry() -> Path:
    """The cache entry of this processor, this version of numba and the source of these modules."""
    from llvmlite import binding  # noqa: PLC0415 - only where numba is

    digest = hashlib.sha256(f"{sys.version} {metadata.version('numba')} {binding.get_host_cpu_name()}".encode())
    digest.update(str(sorted(binding.get_host_cpu_features().items())).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return cache.cache_folder() / "kernels" / digest.hexdigest()[:24]
