"""How fast the baseline trains and scores, against the plain way of doing the same: ratios, in one run.

    python benchmarks/baseline.py [--width 64] [--batch 8] [--rounds 5]

Plain is float32, channels first, SSIM by convolution, Adam unfused, norms as they are. Rounds are interleaved, and
each figure is the best of its rounds. On a GPU the same, with the device waited for.
"""

import argparse
import time

import torch
from torch.nn import functional

from dbram_baseline.data.sources import as_target
from dbram_baseline.model import Discriminator, folded, generator
from dbram_baseline.train import one_step
from dbram_baseline.training import config, losses


def ssim_by_convolution(x, y):
    place = torch.arange(11.0, device=x.device) - 5
    line = torch.exp(-(place**2) / 4.5)
    window = (line[:, None] * line / line.sum() ** 2).expand(x.shape[1], 1, 11, 11)

    def blur(image):
        return functional.conv2d(image, window, groups=x.shape[1])

    x, y = x.float(), y.float()
    mx, my = blur(x), blur(y)
    vx, vy, c = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    return ((2 * mx * my + 1e-4) * (2 * c + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean(dim=(1, 2, 3))


def trainer(model, width, on, fast, batch):
    torch.manual_seed(0)
    made = config.Config(model=model, width=width, discriminator_width=width, batch=batch)
    nets = {"generator": generator(model, width).to(on), "discriminator": Discriminator(width).to(on)}
    images = torch.rand(batch, 3, 32, 280, device=on) * 2 - 1
    if fast:
        nets = {k: n.to(memory_format=torch.channels_last) for k, n in nets.items()}
        images = images.contiguous(memory_format=torch.channels_last)
    adams = {k: torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999), fused=fast) for k, n in nets.items()}
    truths = as_target((torch.rand(batch, 32, 280, device=on) > 0.1).byte() * 255)
    bf16 = fast and config.autocasts("auto", on)

    def step():
        kept = losses.ssim
        losses.ssim = kept if fast else ssim_by_convolution
        try:
            one_step(nets, adams, images, truths, made, bf16)
        finally:
            losses.ssim = kept

    return step


def scorer(model, width, on, fast, batch):
    torch.manual_seed(0)
    net = generator(model, width).eval().to(on)
    images = torch.rand(batch, 3, 32, 280, device=on) * 2 - 1
    if fast:
        kind = torch.bfloat16 if config.autocasts("auto", on) else torch.float32
        net = folded(net).to(kind, memory_format=torch.channels_last)
        images = images.to(kind).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def score():
        net(images)

    return score


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    on = config.device("auto")
    best = {}
    for kind, make in (("training", trainer), ("scoring", scorer)):
        runs = {
            (kind, model, how): make(model, given.width, on, how == "ours", given.batch)
            for model in ("dbram", "pix2pix")
            for how in ("plain", "ours")
        }
        for name, run in runs.items():
            run()
            best[name] = float("inf")
        for _ in range(given.rounds):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                if on.type == "cuda":
                    torch.cuda.synchronize()
                best[name] = min(best[name], time.perf_counter() - start)
    bf16 = "bf16" if config.autocasts("auto", on) else "fp32"
    print(f"{on.type}, {torch.get_num_threads()} threads, ours in {bf16}; width {given.width}, {given.batch} images\n")
    print("| images/s | DB-RAM plain | DB-RAM ours | | pix2pix plain | pix2pix ours | |\n|---|---|---|---|---|---|---|")
    for kind in ("training", "scoring"):
        cells = []
        for model in ("dbram", "pix2pix"):
            plain, ours = (given.batch / best[kind, model, how] for how in ("plain", "ours"))
            cells += [f"{plain:.1f}", f"{ours:.1f}", f"{ours / plain:.2f}x"]
        print(f"| {kind} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
