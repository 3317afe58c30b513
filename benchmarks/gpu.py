"""The steps of `benchmarks/gpu.sh`; each can be run on its own.

python benchmarks/gpu.py check --out OUT                           # exit code 1 if a tolerance is exceeded
python benchmarks/gpu.py graphs --out OUT                          # the same for steps as CUDA graphs
python benchmarks/gpu.py speed --out OUT
python benchmarks/gpu.py train --out OUT --data DIR --seconds 120  # as long as the rates in OUT/speed.json allow
python benchmarks/gpu.py half runs/x/last.safetensors --out x.safetensors
python benchmarks/gpu.py whole x-1-of-2.safetensors x-2-of-2.safetensors --out x.safetensors
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

from gpu_check import check, check_graphs
from gpu_speed import speed, speed_compiled
from gpu_weights import join, to_half

LANGUAGES = ("en", "zh")
TINY = ["--width", "8", "--discriminator-width", "8", "--validation", "16"]


def train(out: Path, data: Path, seconds: float, tiny: bool) -> int:
    """Train for about `seconds`, with a learning rate that decays to zero by the end, and score on both sets."""
    batch, lr, steps = plan(out / "speed.json", seconds)
    sets = ",".join(str(data / f"sub_{lang}") for lang in LANGUAGES)
    run = out / "full"
    command = [sys.executable, "-m", "dbram_baseline.train", "--preset", "paper", "--data", sets, "--out", str(run)]
    command += ["--batch", str(batch), "--lr", f"{lr:g}", "--steps", str(steps)]
    command += ["--workers", str(max(2, (os.cpu_count() or 2) // 2))]
    command += ["--save-every", str(-(-steps // 4)), "--validate-every", str(-(-steps // 8)), *(TINY if tiny else [])]
    shutil.rmtree(run, ignore_errors=True)
    code = run_logged(command, out / "train.log", 1.5 * seconds + 120)
    if not (run / "last.safetensors").exists():
        return code or 1
    for path in to_half(run / "last.safetensors", out / "full.safetensors"):
        print(f"wrote {path}")
    with gzip.open(out / "log.jsonl.gz", "wb") as file:
        file.write((run / "log.jsonl").read_bytes())
    for path in [run / "curves.png", *sorted((run / "grids").glob("*.png"))[-1:]]:
        if path.exists():
            shutil.copy(path, out / path.name.replace("step-", "grid-"))
    return max(code, score(run / "last.safetensors", out, data))


def plan(rates: Path, seconds: float) -> tuple[int, float, int]:
    """The batch size, the learning rate and the number of steps that fit into `seconds`, by the measured rates."""
    rows = json.loads(rates.read_text())["rows"]
    speeds = {r["batch"]: r["images_per_s"] for r in rows if (r["task"], r["mode"]) == ("training", "bf16")}
    small, large = sorted(speeds)
    batch = large if speeds[large] > 1.5 * speeds[small] else small
    lr = 2e-4 * math.sqrt(batch / small)  # by the root of the batch size, since gradients have less noise
    return batch, lr, max(4, int(0.8 * speeds[batch] * seconds / batch))  # the rest is for logs and validations


def score(checkpoint: Path, out: Path, data: Path) -> int:
    """Score on both test splits at the same time; the highest exit code."""
    children = []
    for lang in LANGUAGES:
        command = [sys.executable, "-m", "dbram_baseline.score", "--checkpoint", str(checkpoint)]
        command += ["--data", str(data / f"sub_{lang}"), "--out", str(out / f"scores-{lang}.json")]
        command += ["--method", "sauvola", "--method", "all-white"]
        with (out / f"scores-{lang}.log").open("w") as file:
            children.append(subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT))
    codes = [abs(child.wait()) for child in children]
    for lang in LANGUAGES:
        print((out / f"scores-{lang}.log").read_text().partition("\nThe paper's")[0])
    return max(codes)


def run_logged(command: list[str], log: Path, timeout: float) -> int:
    """Run a command with its output in a log file, then print the end of it; the exit code, 124 after the timeout."""
    print("$ " + " ".join(command))
    with log.open("w") as file:
        file.write("$ " + " ".join(command) + "\n")
        file.flush()
        try:
            process = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False, timeout=timeout)
            code = abs(process.returncode)
        except subprocess.TimeoutExpired:
            code = 124
            file.write(f"stopped after {timeout:.0f} s\n")
    print(log.read_text().partition("\n")[2][-2000:])
    return code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["check", "graphs", "speed", "train", "half", "whole"])
    parser.add_argument("paths", nargs="*", type=Path, help="weights to convert or to join")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder with sub_en and sub_zh")
    parser.add_argument("--seconds", type=float, default=120, help="of training")
    parser.add_argument("--compile-seconds", type=float, default=90, help="limit for all that is compiled")
    parser.add_argument("--compiled", action="store_true", help=argparse.SUPPRESS)  # used by speed itself
    parser.add_argument("--tiny", action="store_true", help="a size for a CPU, to try the script")
    options = parser.parse_args()
    if options.step in ("half", "whole") and not options.paths:
        parser.error(f"{options.step}: name the files of weights")
    if options.step == "train" and options.data is None:
        parser.error("train: --data is missing")
    if options.step == "half":
        print(*to_half(options.paths[0], options.out))
        return 0
    if options.step == "whole":
        join(options.paths, options.out)
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    if options.step == "check":
        return check(options.out, options.tiny)
    if options.step == "graphs":
        return check_graphs(options.out, options.tiny)
    if options.step == "train":
        return train(options.out, options.data, options.seconds, options.tiny)
    if options.compiled:
        return speed_compiled(options.out, options.tiny)
    return speed(options.out, options.tiny, options.compile_seconds)


if __name__ == "__main__":
    sys.exit(main())
