"""Compilation: whether this process uses compiled kernels, and how they are compiled ahead of a large run.

Each kernel returns the same bits as a plain function, which is its oracle and replaces it where numba is missing.
Kernels use integer arithmetic (and one exact division of floats), no fastmath and one thread. The other modules of
this folder compile when they are imported. Machine code is kept in the cache, as one checked entry per processor,
version of numba and source of these modules. numba's index of this code is a pickle, which can run any
code, so it is read only from folders that belong to the user (or root) and that nobody else can write to.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache as once
from importlib import metadata, util
from pathlib import Path

from subsynth.core import cache
from subsynth.core.errors import OutputError, SubsynthError

# "numba" compiles at first use, "numpy" never uses kernels; if unset, compiled code is used if the cache has it.
SETTING = "SUBSYNTH_KERNELS"
# The modules with kernels, in two groups that take about as long to compile, each in a process of its own.
GROUPS = (("compositing", "glyphs", "png_encoding"), ("degradation",))
FOLDER = "kernels"

log = logging.getLogger(__name__)
_build_folder: Path | None = None  # set while this process compiles into the cache


@once
def enabled() -> bool:
    """Whether this process draws with compiled kernels. Raises SubsynthError for an unknown setting."""
    if not available():
        return False
    if cache.has_entry(cache_entry()):
        return _is_trusted()
    if os.environ.get(SETTING) == "numba":
        _compile_into_cache()
        return True
    return False


def leave_out() -> None:
    """Do without compiled kernels in this process, unless the user asks for them: for so little work that loading them
    takes longer than they save.
    """
    if os.environ.get(SETTING) != "numba":
        os.environ[SETTING] = "numpy"


def description() -> str:
    """The name of what this process draws with: "numba" or "plain NumPy"."""
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
    """Start compiling in a child process, unless kernels are compiled or not available. `finish` waits for it."""
    if not available() or cache.has_entry(cache_entry()):
        return None
    log.info("compiling kernels, once for this machine")
    code = f"from subsynth.core.main_guard import run; from {__name__} import compile_all; run('kernels', compile_all)"
    # In a session of its own, so that Ctrl-C reaches only this process, which ends the child.
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(child: subprocess.Popen[bytes]) -> None:
    """Wait for the child process of `start`, and enable its kernels. Raises SubsynthError if compiling failed."""
    _, errors = child.communicate()
    if child.returncode:
        raise SubsynthError(_reason(child.returncode, errors))
    enabled.cache_clear()


def _reason(code: int, errors: bytes) -> str:
    """Why a child process could not compile the kernels, and what to do."""
    reason = (errors.decode(errors="replace").strip().splitlines() or [f"exit code {code}"])[-1]
    return f"the kernels could not be compiled ({reason}); set {SETTING}=numpy to do without them"


def compile_all() -> None:
    """Compile every kernel into the cache, unless it is there."""
    cache.build_once(cache_entry(), _compile)


def machine_code_folder() -> Path | None:
    """The folder that kernels' machine code is read from or written to; None if there is none."""
    if _build_folder is not None:
        return _build_folder
    if cache.has_entry(cache_entry()) and _is_trusted():
        return cache.cache_folder() / cache_entry()
    return None


def _compile_into_cache() -> None:
    """Compile for this process, and for later ones if the cache can be written."""
    try:
        compile_all()
    except OutputError as error:
        log.warning("%s; kernels are compiled for this process alone", error)


def _compile(folder: Path) -> None:
    """Compile all groups at the same time, the first one in this process."""
    folder.chmod(0o700)
    code = (
        f"import pathlib; from subsynth.core.worker_processes import end_with_parent; end_with_parent({os.getpid()}); "
        f"from {__name__} import compile_group; compile_group(pathlib.Path({str(folder)!r}), {GROUPS[1]!r})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        try:
            compile_group(folder, GROUPS[0])
        except BaseException:
            child.kill()
            raise
        _, errors = child.communicate()
    if child.returncode:
        raise SubsynthError(_reason(child.returncode, errors))


def compile_group(folder: Path, names: Sequence[str]) -> None:
    """Compile the kernels of some modules into a folder, by importing them."""
    global _build_folder  # noqa: PLW0603 - kernels read it while their modules are imported
    _build_folder = folder
    try:
        for name in names:
            importlib.import_module(f"{__package__}.{name}")
    finally:
        _build_folder = None


@once
def _is_trusted() -> bool:
    """Whether only the user and root can change the machine code in the cache; logs a warning otherwise."""
    if not hasattr(os, "getuid"):
        return True
    entry = cache.cache_folder() / cache_entry()
    for path in (entry, *entry.rglob("*")):
        status = path.stat()
        if status.st_uid not in (os.getuid(), 0) or status.st_mode & 0o022:
            log.warning(
                "cache %s: its kernels are not used, since somebody else could change them; remove the folder, or set "
                "SUBSYNTH_CACHE to one of your own",
                path,
            )
            return False
    return True


@once
def cache_entry() -> str:
    """The cache entry of this processor, this version of numba and the source of these modules."""
    from llvmlite import binding  # noqa: PLC0415 - installed with numba

    digest = hashlib.sha256(f"{sys.version} {metadata.version('numba')} {binding.get_host_cpu_name()}".encode())
    digest.update(str(sorted(binding.get_host_cpu_features().items())).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return f"{FOLDER}/{digest.hexdigest()[:24]}"
