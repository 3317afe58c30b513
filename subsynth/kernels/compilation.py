"""Kernels: the hot loops, compiled by numba, and the choice between them and the plain functions.

Each kernel gives the bits of a plain function, which stays as its oracle and stands in where numba is
missing. Integer arithmetic (and one division of floats that is exact), no fastmath, one thread. The
modules beside this one compile when they are imported; machine code is kept in the cache.
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

# "numba" compiles at first use, "numpy" never; unset, compiled code is used where it is there.
SETTING = "SUBSYNTH_KERNELS"
MODULES = ("glyphs", "compositing", "degradation", "png_encoding")

log = logging.getLogger(__name__)


@once
def enabled() -> bool:
    """Whether this process draws with compiled kernels. Raises SubsynthError for an unknown setting."""
    return available() and (os.environ.get(SETTING) == "numba" or (_place() / "complete").exists())


def description() -> str:
    """What this process draws with, in words."""
    return "numba" if enabled() else "plain NumPy"


@once
def available() -> bool:
    """Whether kernels can be used: numba is installed, and SUBSYNTH_KERNELS is not "numpy"."""
    setting = os.environ.get(SETTING, "")
    if setting not in ("", "numba", "numpy"):
        raise SubsynthError(f"{SETTING} is {setting!r}; use numba or numpy, or leave it unset")
    if setting == "numpy":
        return False
    found = util.find_spec("numba") is not None
    if setting == "numba" and not found:
        raise SubsynthError(f"{SETTING} is 'numba', which is not installed; pip install numba, or leave it unset")
    return found


def start() -> subprocess.Popen[bytes] | None:
    """Begin to compile in a process of its own, unless that is done or not possible. `finish` waits for it."""
    if not available() or (_place() / "complete").exists():
        return None
    log.info("compiling kernels, once for this machine")
    return subprocess.Popen([sys.executable, "-c", f"from {__name__} import compile_all; compile_all()"])


def finish(child: subprocess.Popen[bytes]) -> None:
    """Wait for what `start` began, and use it from now on. Raises SubsynthError if it failed."""
    if child.wait():
        raise SubsynthError(f"the kernels could not be compiled (above); set {SETTING}=numpy to go on without them")
    enabled.cache_clear()


def compile_all() -> None:
    """Compile what is not in the cache yet, and mark the cache complete."""
    for name in MODULES:
        importlib.import_module(f"{__package__}.{name}")
    (_place() / "complete").touch()


def machine_code_folder() -> Path | None:
    """The folder for machine code, or None where none can be written."""
    try:
        _place().mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return _place()


@once
def _place() -> Path:
    """Machine code is for one processor, one numba and one text of these modules."""
    from llvmlite import binding  # noqa: PLC0415 - only where numba is

    found = hashlib.sha256(f"{sys.version} {metadata.version('numba')} {binding.get_host_cpu_name()}".encode())
    found.update(str(sorted(binding.get_host_cpu_features().items())).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return cache.cache_folder() / "kernels" / found.hexdigest()[:24]
