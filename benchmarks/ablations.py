"""DB-RAM, its ablations and Pix2Pix side by side on one GPU, at a quarter of the width, on sets that exist already.

    python benchmarks/ablations.py --data DIR --out OUT [--steps 12500] [--parallel 12] [--seconds 400] [--mps]

DIR has sub_en and sub_zh (`benchmarks/gpu.sh` renders them). Each run has the preset `demo`, except for its batch of
16, and is scored on the test split of its own language. When all runs with seed 0 have ended, the models of
--repeated are trained again with each further seed. A network of this size does not fill a GPU, so several are trained
at the same time, on arrays that all map from the same files. Without CUDA's MPS (--mps starts and stops it) their
kernels take turns instead of running together.

The reports are written again whenever a run ends. OUT/ablations.json has the hyperparameters of each run, its time, and
the means of its measures with 95 % intervals, OUT/ablations.md the same as a table with the paired differences to
DB-RAM, and OUT/ablations-images.json the measures of each image. Runs that --seconds cuts off are listed as missing,
and their logs are kept. A run is only started if it has as much time as the longest so far; choose --parallel so that
all runs of the first group end in time, since runs side by side are slower.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ablations_report import MODELS, Run, write_report

REPEATED = ("dbram", "nonlocal-bilstm")  # with further seeds
ARRAYS = ("images", "truths")
SCORED = 2000  # pairs of the test split
INTERRUPTED = 20.0  # seconds that runs have to end after Ctrl-C


@dataclass(frozen=True)
class Job:
    lang: str
    model: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.lang}-{self.model}-{self.seed}"


def train_and_score(job: Job, options: argparse.Namespace) -> None:
    """Run a job, in a process of its own."""
    import numpy as np  # noqa: PLC0415 - the process that starts the others does not need it
    import torch  # noqa: PLC0415 - as above

    from dbram_baseline.data.sources import Resident  # noqa: PLC0415 - as above
    from dbram_baseline.training.config import Value, build_config  # noqa: PLC0415
    from dbram_baseline.training.loop import train  # noqa: PLC0415

    class Shared(Resident):
        """Pairs in memory that all runs share; batches are pinned, so that copying them does not wait for the GPU."""

        def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
            images, truths = super().batch(step, size, rank, world)
            return (images.pin_memory(), truths.pin_memory()) if torch.cuda.is_available() else (images, truths)

    torch.set_num_threads(1)
    data, folder = str(options.data / f"sub_{job.lang}"), options.out / "runs" / job.name
    overrides: dict[str, Value | None] = {
        "model": job.model, "seed": job.seed, "batch": options.batch, "steps": options.steps,
        "validate_every": -(-options.steps // 5), "save_every": -(-options.steps // 5), "workers": 2,
    }  # fmt: skip
    overrides |= {"width": 8, "discriminator_width": 8, "validation": 16} if options.tiny else {}
    config = build_config("demo", overrides)
    images, truths = (np.load(options.out / "arrays" / f"{job.lang}-{name}.npy", mmap_mode="c") for name in ARRAYS)
    start = time.monotonic()
    source = Shared(images, truths, config.validation, config.seed, torch.device("cpu"))
    train(config, data, "demo", folder, overrides=overrides, source=source)
    trained = time.monotonic()
    values = score(folder / "last.safetensors", data)
    keep(folder, options.out / "kept", job.name)
    run = Run(
        job.lang, job.model, job.seed, dataclasses.asdict(config), len(values["ssim"]),
        round(time.monotonic() - start, 1), round(trained - start, 1), values,
    )  # fmt: skip
    scratch = folder / "result.tmp"
    scratch.write_text(json.dumps(dataclasses.asdict(run)))
    scratch.rename(folder / "result.json")


def score(checkpoint: Path, data: str) -> dict[str, list[float]]:
    """The measures of each image of the test split."""
    from dbram_baseline.data.refs import DataRef  # noqa: PLC0415 - as above
    from dbram_baseline.evaluation.eval_set import load_eval_set  # noqa: PLC0415
    from dbram_baseline.evaluation.evaluate import predict  # noqa: PLC0415
    from dbram_baseline.evaluation.metrics import (  # noqa: PLC0415
        ERROR_SHARE,
        MAX_PSNR,
        f_measure,
        psnr,
        ssim,
        ssim_error_share,
    )
    from dbram_baseline.networks.device import select_device  # noqa: PLC0415
    from dbram_baseline.training.checkpoint import load_generator  # noqa: PLC0415

    network, _ = load_generator(checkpoint)
    eval_set = load_eval_set(DataRef.parse(data), "test", SCORED)
    values: dict[str, list[float]] = {"f_measure": [], "psnr": [], "ssim": [], ERROR_SHARE: []}
    outputs = predict(network, eval_set.images, select_device("auto"))
    for output, truth in zip(outputs, eval_set.truths, strict=True):
        white, text = (truth > 127).astype("float32"), truth < 128
        similarity = ssim(output, white)
        values["f_measure"].append(round(f_measure(output < 0.5, text), 5))
        values["psnr"].append(round(min(psnr(output, white), MAX_PSNR), 4))
        values["ssim"].append(round(similarity, 5))
        values[ERROR_SHARE].append(round(ssim_error_share(similarity, eval_set.all_white_ssim), 5))
    return values


def keep(run: Path, out: Path, name: str) -> None:
    """Copy what remains useful of a run: its log, and its weights in fp16."""
    from gpu_weights import to_half  # noqa: PLC0415 - as above

    keep_log((run / "log.jsonl").read_bytes(), out, name)
    to_half(run / "last.safetensors", out / f"{name}.safetensors")


def keep_log(lines: bytes, out: Path, name: str) -> None:
    out.mkdir(exist_ok=True)
    with gzip.open(out / f"{name}.log.jsonl.gz", "wb", 4) as file:
        file.write(lines)


@contextlib.contextmanager
def mps(wanted: bool) -> Iterator[dict[str, str]]:
    """CUDA's MPS, if it is wanted and installed; yields the environment variables of processes that use it."""
    daemon = shutil.which("nvidia-cuda-mps-control")
    if not wanted or daemon is None:
        print("MPS is not installed: processes take turns on the GPU" if wanted else "without MPS")
        yield {}
        return
    with tempfile.TemporaryDirectory() as folder:
        variables = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        code = subprocess.run([daemon, "-d"], env=os.environ | variables, check=False).returncode
        print(f"MPS started with exit code {code}")
        try:
            yield {} if code else variables
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    [daemon], env=os.environ | variables, input="quit\n", text=True, check=False, timeout=10
                )  # fmt: skip


@contextlib.contextmanager
def utilization(path: Path) -> Iterator[None]:
    """Record the GPU's load, memory and power as nvidia-smi reports them, every two seconds."""
    if shutil.which("nvidia-smi") is None:
        yield
        return
    fields = "timestamp,utilization.gpu,utilization.memory,memory.used,power.draw"
    with path.open("w") as file:
        child = subprocess.Popen(["nvidia-smi", f"--query-gpu={fields}", "--format=csv", "-l", "2"], stdout=file)
        try:
            yield
        finally:
            child.kill()
            child.wait()


def list_jobs(options: argparse.Namespace) -> list[Job]:
    """The most important first."""
    first = [Job(lang, model, 0) for model in MODELS for lang in options.langs]
    return first + [Job(lang, m, seed) for seed in options.seeds for m in options.repeated for lang in options.langs]


class Scheduler:
    """Runs jobs, several at a time, and reports after each."""

    def __init__(self, options: argparse.Namespace):
        self.options, self.start = options, time.monotonic()
        self.waiting = list_jobs(options)
        self.running: dict[Job, tuple[subprocess.Popen[bytes], float]] = {}
        self.finished: list[Run] = []
        self.missing: list[str] = []
        self.longest = 0.0  # seconds of a finished job: with less time left, none is started

    def run(self) -> int:
        """1 if a job has no result."""
        out = self.options.out
        (out / "runs").mkdir(parents=True, exist_ok=True)
        self._prepare_data()
        with mps(self.options.mps) as variables, utilization(out / "utilization.csv"):
            self._print(f"{len(self.waiting)} runs, {self.options.parallel} at a time")
            while self.waiting or self.running:
                left = self.options.seconds - (time.monotonic() - self.start)
                while self.waiting and self._has_room() and left > self.longest:
                    self._launch(self.waiting.pop(0), os.environ | variables | {"OMP_NUM_THREADS": "1"})
                if left <= 0:
                    self._interrupt()
                for job, (child, _) in list(self.running.items()):
                    if child.poll() is not None or left <= 0:
                        self._collect(job)
                if left <= 0 or (not self.running and left <= self.longest):
                    self.missing += [job.name for job in self.waiting]
                    break
                time.sleep(0.2)
        print(write_report(out, self.finished, self.missing))
        return 1 if self.missing or not self.finished else 0

    def _has_room(self) -> bool:
        """Whether the next job may start. Those with further seeds must not delay the ones that come first."""
        first = self.waiting[0].seed == 0 or all(job.seed for job in self.running)
        return first and len(self.running) < self.options.parallel

    def _prepare_data(self) -> None:
        """Decode the sets into arrays on disk, which all runs map into their memory."""
        folder = self.options.out / "arrays"
        folder.mkdir(exist_ok=True)
        children = []
        for lang in self.options.langs:
            if all((folder / f"{lang}-{name}.npy").exists() for name in ARRAYS):
                continue
            data, target = str(self.options.data / f"sub_{lang}"), str(folder / lang)
            workers = max(1, (os.cpu_count() or 1) // len(self.options.langs))
            code = (
                "import numpy, os; from dbram_baseline.data import pairs, refs\n"
                f"ref = refs.DataRef.parse({data!r})\n"
                "pairs.decode_pairs(ref, 'test', 1)  # prepares the other split for `score`\n"
                f"for name, array in zip({ARRAYS!r}, pairs.decode_pairs(ref, 'train', workers={workers})):\n"
                f"    numpy.save({target!r} + f'-{{name}}.tmp.npy', array)\n"
                f"    os.rename({target!r} + f'-{{name}}.tmp.npy', {target!r} + f'-{{name}}.npy')\n"
            )
            children.append(subprocess.Popen([sys.executable, "-c", code]))
        codes = [child.wait() for child in children]
        if any(codes):
            raise SystemExit(f"the sets in {self.options.data} could not be decoded")
        self._print("the arrays are ready")

    def _launch(self, job: Job, environment: dict[str, str]) -> None:
        folder = self.options.out / "runs"
        shutil.rmtree(folder / job.name, ignore_errors=True)
        command = [sys.executable, __file__, *sys.argv[1:], "--job", job.lang, job.model, str(job.seed)]
        with (folder / f"{job.name}.txt").open("wb") as log:
            child = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        self.running[job] = child, time.monotonic()

    def _interrupt(self) -> None:
        """Stop all jobs as Ctrl-C does: under MPS, killing one breaks the memory of the others."""
        for child, _ in self.running.values():
            child.send_signal(signal.SIGINT)
        for child, _ in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(INTERRUPTED)

    def _collect(self, job: Job) -> None:
        """Take the result of a job that has ended, or that has no time left."""
        child, since = self.running.pop(job)
        child.kill()
        child.wait()
        folder = self.options.out / "runs"
        result = folder / job.name / "result.json"
        if result.exists():
            self.longest = max(self.longest, time.monotonic() - since)
            self.finished.append(Run(**json.loads(result.read_text())))
            write_report(self.options.out, self.finished, self.missing)
        else:
            self.missing.append(job.name)
            log = folder / job.name / "log.jsonl"
            lines = log.read_bytes() if log.exists() else b""
            keep_log(lines, self.options.out / "kept", job.name)
            print(f"{job.name} has no result: exit code {child.returncode}, {lines.count(b'loss'):,} steps logged")
            print((folder / f"{job.name}.txt").read_text()[-400:])
        self._print(f"{job.name} ended")

    def _print(self, message: str) -> None:
        print(f"{time.monotonic() - self.start:.0f} s: {message}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=12_500, help="of each run; two epochs of 100,000 pairs")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seeds", type=lambda s: [int(i) for i in s.split(",") if i], default=[1, 2], help="after 0")
    parser.add_argument("--repeated", type=lambda s: s.split(","), default=REPEATED, help="models with several seeds")
    parser.add_argument("--langs", type=lambda s: s.split(","), default=["zh", "en"])
    parser.add_argument("--parallel", type=int, default=12, help="runs at a time, 2 GB of the GPU's memory each")
    parser.add_argument("--seconds", type=float, default=1e9, help="unfinished runs are stopped after this time")
    parser.add_argument("--mps", action="store_true", help="start CUDA's MPS, and stop it at the end")
    parser.add_argument("--tiny", action="store_true", help="a size for a CPU, to try the script")
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)  # used by the script itself
    options = parser.parse_args()
    if options.job:
        lang, model, seed = options.job
        train_and_score(Job(lang, model, int(seed)), options)
        return 0
    return Scheduler(options).run()


if __name__ == "__main__":
    sys.exit(main())
