"""Kill a render at many random moments, let the same command go on, and compare the end with an undisturbed run.

    python benchmarks/kill.py [--kills 40] [--n 8000]

Each time the whole process group gets SIGKILL after a random wait; now and then a shard, a leftover or an
entry is torn as a power failure would tear it. At the end every file must be the same as without all this.
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


def tear(folder: Path, chance: random.Random) -> str:
    """Cut a file short, as if its last blocks had not reached the disk."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in ("spec.yaml", "lock", "plan")]
    if not files:
        return ""
    victim = chance.choice(files)
    with victim.open("r+b") as file:
        file.truncate(chance.randrange(max(1, victim.stat().st_size)))
    return victim.name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--n", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as folder:
        calm, stormy = Path(folder) / "calm", Path(folder) / "stormy"
        started = time.monotonic()
        subprocess.run(command(calm, chosen.n), check=True, stdout=subprocess.DEVNULL)
        whole = time.monotonic() - started
        moments, torn, ended = [], [], 0
        for _ in range(chosen.kills):
            child = subprocess.Popen(command(stormy, chosen.n), stdout=subprocess.DEVNULL, start_new_session=True)
            wait = chance.uniform(0, whole)
            try:
                child.wait(wait)
                ended += 1
                if digests(calm) != digests(stormy):
                    print(f"DIFFERENT after {len(moments) + 1} runs")
                    sys.exit(1)
                shutil.rmtree(stormy)  # and from the beginning
                continue
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            moments.append(wait)
            if chance.random() < 0.3 and stormy.exists():
                torn.append(tear(stormy, chance))
        subprocess.run(command(stormy, chosen.n), check=True)
        same = digests(calm) == digests(stormy)
        print(
            f"{chosen.kills} runs stopped after {min(moments):.2f} to {max(moments):.2f} s "
            f"(undisturbed {whole:.1f} s; {ended} came to their end), {len(torn)} files torn: "
            f"{len(digests(calm))} files, {'all the same' if same else 'DIFFERENT'}"
        )
        if not same:
            one, two = digests(calm), digests(stormy)
            print({name for name in one.keys() | two.keys() if one.get(name) != two.get(name)})
            sys.exit(1)


if __name__ == "__main__":
    main()
