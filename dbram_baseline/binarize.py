"""Binarize images of any size: `python -m dbram_baseline.binarize page.png --checkpoint last.safetensors`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import cv2
import numpy as np
from tqdm import tqdm

from dbram_baseline.arrays import U8
from dbram_baseline.command import WIDE, device_option, precision_option, run_command
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.evaluate import predict_tiled, prepare_network
from dbram_baseline.networks.device import select_device
from dbram_baseline.training.checkpoint import load_generator

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@click.command("binarize", context_settings=WIDE)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--checkpoint", type=click.Path(path_type=Path), required=True, help="A trained generator.")
@click.option("--out", type=click.Path(path_type=Path),
              help="PNG, or directory for a directory.  [<source>-bw.png, <source>-bw]")  # fmt: skip
@click.option("--soft", is_flag=True, help="Write grey levels instead of black and white.")
@precision_option
@device_option
def command(source: Path, checkpoint: Path, out: Path | None, soft: bool, precision: str, device_name: str) -> None:
    """Binarize an image, or each image of a directory: text black on white.

    \b
    Examples:
      python -m dbram_baseline.binarize page.png --checkpoint runs/dbram-demo-sub_en/last.safetensors
      python -m dbram_baseline.binarize frames --checkpoint last.safetensors --out frames-bw
    """
    files = _files(source, out)
    network = prepare_network(load_generator(checkpoint)[0], select_device(device_name), precision)
    for path, target in tqdm(files, disable=len(files) == 1 or not sys.stderr.isatty()):
        grey = predict_tiled(network, _read(path))
        _write(target, np.round(grey * 255).astype(np.uint8) if soft else np.where(grey < 0.5, 0, 255).astype(np.uint8))
    first_target = files[0][1]
    click.echo(f"wrote {first_target}" if len(files) == 1 else f"wrote {len(files)} images into {first_target.parent}")


def _files(source: Path, out: Path | None) -> list[tuple[Path, Path]]:
    """Each image with the file to write. Raises BaselineError if there are none, or two have the same target."""
    if not source.exists():
        raise BaselineError(f"{source}: no such file or directory")
    if not source.is_dir():
        return [(source, out or source.with_name(f"{source.stem}-bw.png"))]
    images = sorted(p for p in source.iterdir() if p.suffix.lower() in SUFFIXES)
    out = out or source.with_name(f"{source.name}-bw")
    targets = [out / f"{p.stem}.png" for p in images]
    if not images:
        raise BaselineError(f"{source}: contains no images; supported are {', '.join(SUFFIXES)}")
    if len(set(targets)) < len(targets):
        raise BaselineError(f"{source}: two images differ only in their suffix and would be written to the same file")
    if out.resolve() == source.resolve():
        raise BaselineError(f"--out {out}: is the directory of the images; name another one")
    return list(zip(images, targets, strict=True))


def _read(path: Path) -> U8:
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise BaselineError(f"{path}: not a readable image; supported are {', '.join(SUFFIXES)}")
    return np.asarray(pixels, np.uint8)


def _write(path: Path, grey: U8) -> None:
    """Write a PNG atomically. Raises BaselineError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.tmp.png")
    if path.suffix.lower() != ".png" or not cv2.imwrite(str(scratch), grey):
        raise BaselineError(f"{path}: cannot be written; name a .png file in a writable directory")
    scratch.replace(path)


if __name__ == "__main__":
    run_command(command)
