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
from dbram_baseline.data.pictures import PictureError, read_picture
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.evaluate import predict_tiled, prepare_network
from dbram_baseline.files import check_output, write_file
from dbram_baseline.networks.device import select_device
from dbram_baseline.training.checkpoint import load_generator
from subsynth.core.terminal import echo, echo_error

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
    check_output(files[0][1])
    network = prepare_network(load_generator(checkpoint)[0], select_device(device_name), precision)
    unreadable = []
    for path, target in tqdm(files, disable=len(files) == 1 or not sys.stderr.isatty()):
        try:
            image = _read(path)
        except BaselineError as error:
            if not source.is_dir():
                raise
            unreadable.append(str(error))
            continue
        grey = predict_tiled(network, image)
        pixels = np.round(grey * 255) if soft else np.where(grey < 0.5, 0, 255)
        write_file(target, cv2.imencode(".png", pixels.astype(np.uint8))[1].tobytes())
    first, written = files[0][1], len(files) - len(unreadable)
    echo(f"wrote {first}" if len(files) == written == 1 else f"wrote {written} images into {first.parent}")
    for message in unreadable:
        echo_error(f"binarize: error: {message}")
    if unreadable:
        raise SystemExit(1)


def _files(source: Path, out: Path | None) -> list[tuple[Path, Path]]:
    """Each image with the file to write. Raises BaselineError if there are none, or two have the same target."""
    if not source.exists():
        raise BaselineError(f"{source}: no such file or directory")
    if not source.is_dir():
        target = out or source.with_name(f"{source.stem}-bw.png")
        if target.suffix.lower() != ".png":
            raise BaselineError(f"--out {target}: cannot be written; name a .png file in a writable directory")
        return [(source, target)]
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
    """Decode an image. Raises BaselineError."""
    try:
        return read_picture(path)
    except PictureError as error:
        raise BaselineError(f"{path}: not a readable image ({error}); supported are {', '.join(SUFFIXES)}") from error


if __name__ == "__main__":
    run_command(command)
