"""Export a trained network as ONNX or safetensors: `python -m dbram_baseline.export last.safetensors`."""

from __future__ import annotations

import dataclasses
import io
import json
import warnings
from pathlib import Path

import click
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from dbram_baseline.command import WIDE, run_command
from dbram_baseline.errors import BaselineError
from dbram_baseline.files import check_output, write_file
from dbram_baseline.networks.compact import Compact
from dbram_baseline.networks.inference import for_onnxruntime
from dbram_baseline.reproduction import provenance
from dbram_baseline.training.checkpoint import METADATA, CheckpointInfo, load_generator
from subsynth import __version__
from subsynth.core.terminal import echo

OPSET = 17
SUFFIXES = (".onnx", ".safetensors")


class Exported(nn.Module):
    """A network with logits, for images of any size: probabilities of text and of the erase mask.

    Images are float32 (N, 3, H, W) in [-1, 1], the probabilities float32 (N, 2, H, W). The border is repeated up to a
    multiple of the network's stride inside of the exported graph, so that H and W stay dynamic.
    """

    def __init__(self, network: Compact):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """The probabilities, for the images."""
        height, width = images.shape[2], images.shape[3]
        down, right = -height % self.network.multiple, -width % self.network.multiple
        top, left = down // 2, right // 2
        padded = functional.pad(images, (left, right - left, top, down - top), mode="replicate")
        logits = self.network.logits_of_padded(padded)
        return torch.sigmoid(logits[:, :, top : top + height, left : left + width])


def to_onnx(network: Compact, info: CheckpointInfo, commit: str) -> bytes:
    """The network as an ONNX model with `info` in its metadata. Raises BaselineError without the package onnx."""
    try:
        import onnx  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise BaselineError(f"onnx is not installed ({error}); pip install '.[export]'") from error
    file = io.BytesIO()
    axes = {0: "n", 2: "height", 3: "width"}
    with warnings.catch_warnings(action="ignore"):  # the exporter warns about itself
        torch.onnx.export(
            Exported(for_onnxruntime(network)), (torch.zeros(1, 3, 40, 72),), file, dynamo=False, opset_version=OPSET,
            input_names=["images"], output_names=["probabilities"],
            dynamic_axes={"images": axes, "probabilities": axes},
        )  # fmt: skip
    model = onnx.load_from_string(file.getvalue())
    # The number of planes, which the exporter does not find behind its reshapes.
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = network.planes
    onnx.helper.set_model_props(model, metadata(info, commit))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def to_safetensors(network: nn.Module, info: CheckpointInfo, commit: str) -> bytes:
    """The weights with `info` in the metadata: matrices in fp16, vectors in float32, which statistics of norms need.

    It is a checkpoint for `score`, `binarize`, `ocr` and `train --init`; `Compact.from_pretrained` needs a config.json
    beside it.
    """
    weights = {key: value.half() if value.ndim > 1 else value for key, value in network.state_dict().items()}
    return bytes(
        save(
            {key: value.contiguous() for key, value in weights.items()},
            metadata(info, commit) | {METADATA: info.to_json()},
        )
    )


def metadata(info: CheckpointInfo, commit: str) -> dict[str, str]:
    """How the weights were made: commit, data, steps, hyperparameters with the seed, and version."""
    return {
        "format": "pt", "commit": commit, "data": info.data, "preset": info.preset, "steps": str(info.step),
        "init": info.init, "seed": str(info.config.seed), "config": json.dumps(dataclasses.asdict(info.config)),
        "subsynth": __version__,
    }  # fmt: skip


@click.command("export", context_settings=WIDE)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path),
              help="File to write, .onnx, or .safetensors with config.json.  [default: compact.onnx]")  # fmt: skip
@click.option("--commit", help="Commit of the code that trained it.  [default: that of this checkout]")
def command(checkpoint: Path, out: Path | None, commit: str | None) -> None:
    """Export a trained network as safetensors in fp16, or one of --model compact as ONNX.

    \b
    Examples:
      python -m dbram_baseline.export runs/compact/last.safetensors --out compact.onnx
      python -m dbram_baseline.export runs/compact/last.safetensors --out model.safetensors
    """
    out = out or Path("compact.onnx")
    commit = commit or provenance.commit()
    if out.suffix.lower() not in SUFFIXES:
        raise BaselineError(f"--out {out}: name a file that ends in {' or '.join(SUFFIXES)}")
    check_output(out)
    network, info = load_generator(checkpoint)
    if out.suffix.lower() == ".safetensors":
        content = to_safetensors(network, info, commit)
    elif isinstance(network, Compact):
        content = to_onnx(network, info, commit)
    else:
        raise BaselineError(f"{checkpoint}: its model is {info.config.model}; only compact can be exported as ONNX")
    write_file(out, content)
    if isinstance(network, Compact) and out.suffix.lower() == ".safetensors":  # what `from_pretrained` needs
        arguments = {"width": info.config.width, "norm": info.config.norm, "dropout": info.config.dropout}
        write_file(out.with_name("config.json"), json.dumps(arguments).encode())
    echo(f"wrote {out} ({len(content) / 1e6:.2f} MB)")


if __name__ == "__main__":
    run_command(command)
