"""Binarize pictures of any size: `python -m dbram_baseline.binarize page.png --checkpoint last.safetensors`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from dbram_baseline.data import sources as data
from dbram_baseline.errors import BaselineError, run
from dbram_baseline.model import folded
from dbram_baseline.training import checkpoint, config

U8 = NDArray[np.uint8]
TILE, OVERLAP = 256, 32  # px: the attention's memory grows with the fourth power of the side
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@click.command("binarize", context_settings={"max_content_width": 100})
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--checkpoint", "path", type=click.Path(path_type=Path), required=True, help="A trained generator.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="PNG, or directory for a directory.  [<source>-bw.png, <source>-bw]"
)
@click.option("--soft", is_flag=True, help="Write greys instead of black and white.")
@click.option(
    "--precision", type=click.Choice(config.PRECISIONS), default="auto", show_default=True, help="Of the network."
)
@click.option("--device", "on", default="auto", show_default=True, help="auto, cpu, cuda, ...")
def command(source: Path, path: Path, out: Path | None, soft: bool, precision: str, on: str) -> None:
    """Binarize a picture, or each picture of a directory: text black on white.

    \b
    Examples:
      python -m dbram_baseline.binarize page.png --checkpoint runs/dbram-demo-sub_en/last.safetensors
      python -m dbram_baseline.binarize frames --checkpoint last.safetensors --out frames-bw
    """
    if not source.exists():
        raise BaselineError(f"{source}: no such file or directory")
    if source.is_dir():
        pictures = sorted(p for p in source.iterdir() if p.suffix.lower() in ENDINGS)
        out = out or source.with_name(f"{source.name}-bw")
        targets = [out / f"{p.stem}.png" for p in pictures]
        if not pictures:
            raise BaselineError(f"{source}: no pictures in it; it takes {', '.join(ENDINGS)}")
        if len(set(targets)) < len(targets):
            raise BaselineError(f"{source}: two pictures of one name but for the ending would be written to one file")
        if out.resolve() == source.resolve():
            raise BaselineError(f"--out {out}: is where the pictures lie; name another one")
    else:
        pictures, targets = [source], [out or source.with_name(f"{source.stem}-bw.png")]
    net, _ = checkpoint.trained(path)
    device = config.device(on)
    bf16 = config.autocasts(precision, device)
    kind = torch.bfloat16 if bf16 else torch.float32
    net = folded(net).to(device, kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for picture, target in zip(
        tqdm(pictures, disable=len(pictures) == 1 or not sys.stderr.isatty()), targets, strict=True
    ):
        grey = binarized(net, _read(picture))
        made = np.round(grey * 255).astype(np.uint8) if soft else np.where(grey < 0.5, 0, 255).astype(np.uint8)
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.tmp.png")
        if target.suffix.lower() != ".png" or not cv2.imwrite(str(scratch), made):
            raise BaselineError(f"{target}: cannot be written; name a .png in a directory that can be written")
        scratch.replace(target)
    click.echo(f"wrote {targets[0]}" if len(targets) == 1 else f"wrote {len(targets)} pictures into {out}")


@torch.no_grad()
def binarized(net: nn.Module, image: U8, tile: int = TILE, overlap: int = OVERLAP) -> NDArray[np.float32]:
    """A picture (H, W, 3) as grey (H, W) in [0, 1], text 0, put together from tiles that fade into each other."""
    first = next(net.parameters())
    total = np.zeros(image.shape[:2], np.float32)
    weight = np.zeros(image.shape[:2], np.float32)
    for top, bottom in _spans(image.shape[0], tile, overlap):
        for left, right in _spans(image.shape[1], tile, overlap):
            part = torch.from_numpy(np.ascontiguousarray(image[top:bottom, left:right])).permute(2, 0, 1)[None]
            made = (
                data.to_images(net(data.as_input(part.to(first.device)).to(first.dtype))).clamp(0, 1)[0].cpu().numpy()
            )
            fade = np.outer(_ramp(bottom - top, overlap), _ramp(right - left, overlap)).astype(np.float32)
            total[top:bottom, left:right] += made * fade
            weight[top:bottom, left:right] += fade
    return total / weight


def _spans(size: int, tile: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Begin and end of tiles that cover a side and overlap by at least so much; all of one length if there are two."""
    if size <= tile:
        yield 0, size
        return
    number = -(-(size - overlap) // (tile - overlap))
    for i in range(number):
        start = round(i * (size - tile) / (number - 1))
        yield start, start + tile


def _ramp(size: int, overlap: int) -> NDArray[np.float64]:
    """Weights that fall towards both ends of a tile, and never to 0."""
    place = np.minimum(np.arange(size), np.arange(size)[::-1]) + 1
    return np.minimum(1.0, place / (overlap + 1))


def _read(path: Path) -> U8:
    found = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_COLOR_RGB)
    if found is None:
        raise BaselineError(f"{path}: not a picture that can be read; it takes {', '.join(ENDINGS)}")
    return np.asarray(found, np.uint8)


if __name__ == "__main__":
    run(command)
