"""Kill a render at many random moments, resume it with the same command; the result must equal an undisturbed run.

    python benchmarks/kill.py [--kills 40] [--n 8000]

Each time the whole process group gets SIGKILL after a random time; sometimes a shard, a temporary file or a record is
cut short, as by a power failure. In the end every file must be the same as in the undisturbed run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def command(out: Path, n: int) -> list[str]:
    options = ["--lang", "en", "--n", n, "--n-test", n // 20, "--workers", 2, "--out", out]
    return [sys.executable, "-m", "subsynth", "render", *map(str, options)]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def truncate_one(folder: Path, generator: random.Random) -> str:
    """Cut a random file short, as if its last blocks had not reached the disk; its name."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in ("spec.yaml", "lock", "plan")]
    if not files:
        return ""
    victim = generator.choice(files)
    with victim.open("r+b") as file:
        file.truncate(generator.randrange(max(1, victim.stat().st_size)))
    return victim.name


def run_and_kill(out: Path, n: int, seconds: float) -> bool:
    """Render for a time, then kill the process group; whether the run finished before."""
    child = subprocess.Popen(command(out, n), stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--n", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    options = parser.parse_args()
    generator = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, killed = Path(folder) / "undisturbed", Path(folder) / "killed"
        started = time.monotonic()
        subprocess.run(command(undisturbed, options.n), check=True, stdout=subprocess.DEVNULL)
        duration = time.monotonic() - started
        expected = digests(undisturbed)
        moments, truncated, finished = [], [], 0
        for _ in range(options.kills):
            seconds = generator.uniform(0, duration)
            if run_and_kill(killed, options.n, seconds):
                finished += 1
                compare(expected, digests(killed))
                shutil.rmtree(killed)  # start again
                continue
            moments.append(seconds)
            if generator.random() < 0.3 and killed.exists():
                truncated.append(truncate_one(killed, generator))
        subprocess.run(command(killed, options.n), check=True)
        compare(expected, digests(killed))
        print(
            f"{len(moments)} runs killed after {min(moments):.2f} to {max(moments):.2f} s (an undisturbed run takes "
            f"{duration:.1f} s; {finished} finished before), {len(truncated)} files truncated: {len(expected)} files, "
            "all the same"
        )


def compare(expected: dict[str, str], actual: dict[str, str]) -> None:
    """Exit with the names of the files that differ, if there are any."""
    differing = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
    if differing:
        sys.exit(f"DIFFERENT: {', '.join(differing)}")


if __name__ == "__main__":
    main()
