"""How fast the baseline trains and scores, compared with a plain implementation, as ratios within one run.

    python benchmarks/baseline.py [--width 64] [--batch 8] [--rounds 5]

The plain implementation uses float32, channels first, SSIM by convolution, Adam that is not fused, and norms that are
not folded. Rounds of both are interleaved; each figure is the best of its rounds. On a GPU, each round waits for the
device.
"""

import argparse
import time
from unittest.mock import patch

import torch
from torch.nn import functional

from dbram_baseline.data.tensors import as_target
from dbram_baseline.evaluation.evaluate import prepare_network
from dbram_baseline.networks.device import network_dtype, select_device, uses_bf16
from dbram_baseline.networks.discriminators import PixelDiscriminator
from dbram_baseline.networks.factory import build_generator
from dbram_baseline.training.config import Config
from dbram_baseline.training.step import Learner, paired_step

MODELS = {"dbram": "DB-RAM", "pix2pix": "pix2pix"}
VARIANTS = ("plain", "ours")


def ssim_by_convolution(x, y):
    offset = torch.arange(11.0, device=x.device) - 5
    line = torch.exp(-(offset**2) / 4.5)
    window = (line[:, None] * line / line.sum() ** 2).expand(x.shape[1], 1, 11, 11)

    def blur(image):
        return functional.conv2d(image, window, groups=x.shape[1])

    x, y = x.float(), y.float()
    mx, my = blur(x), blur(y)
    vx, vy, c = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    return ((2 * mx * my + 1e-4) * (2 * c + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean(dim=(1, 2, 3))


def training(model, width, device, ours, batch):
    """A function that trains for one step."""
    torch.manual_seed(0)
    config = Config(model=model, width=width, discriminator_width=width, batch=batch)
    networks = {
        "generator": build_generator(model, width).to(device),
        "discriminator": PixelDiscriminator(width).to(device),
    }
    images = torch.rand(batch, 3, 32, 280, device=device) * 2 - 1
    if ours:
        networks = {k: n.to(memory_format=torch.channels_last) for k, n in networks.items()}
        images = images.contiguous(memory_format=torch.channels_last)
    optimizers = {k: torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999), fused=ours) for k, n in networks.items()}
    truths = as_target((torch.rand(batch, 32, 280, device=device) > 0.1).byte() * 255)
    learner = Learner(config, networks, optimizers, bf16=ours and uses_bf16("auto", device))

    def step():
        if ours:
            paired_step(learner, images, truths)
        else:
            with patch("dbram_baseline.training.losses.ssim", ssim_by_convolution):
                paired_step(learner, images, truths)

    return step


def scoring(model, width, device, ours, batch):
    """A function that runs a generator on one batch."""
    torch.manual_seed(0)
    network = build_generator(model, width).eval().to(device)
    images = torch.rand(batch, 3, 32, 280, device=device) * 2 - 1
    if ours:
        network = prepare_network(network, device)
        images = images.to(network_dtype("auto", device)).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def score():
        network(images)

    return score


def best_seconds(functions, rounds, device):
    """The best time of each function, the rounds interleaved."""
    best = dict.fromkeys(functions, float("inf"))
    for i in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if i:  # the first round warms up
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    device = select_device("auto")
    precision = "bf16" if uses_bf16("auto", device) else "fp32"
    print(f"{device.type}, {torch.get_num_threads()} threads, ours in {precision}; width {options.width}, "
          f"{options.batch} images\n")  # fmt: skip
    header = [f"{name} {variant}" if variant else "" for name in MODELS.values() for variant in (*VARIANTS, "")]
    print(f"| images/s | {' | '.join(header)} |\n{'|---' * (len(header) + 1)}|")
    for prepare in (training, scoring):
        functions = {
            (model, variant): prepare(model, options.width, device, variant == "ours", options.batch)
            for model in MODELS
            for variant in VARIANTS
        }
        seconds = best_seconds(functions, options.rounds, device)
        cells = []
        for model in MODELS:
            plain, ours = (options.batch / seconds[model, variant] for variant in VARIANTS)
            cells += [f"{plain:.1f}", f"{ours:.1f}", f"{ours / plain:.2f}x"]
        print(f"| {prepare.__name__} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
