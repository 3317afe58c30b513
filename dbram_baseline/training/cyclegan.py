"""A step of CycleGAN (Zhu et al., 2017): two generators, there and back, and a judge at each end.

    L_G = adversarial * (LS(D_y(G(x)), 1) + LS(D_x(F(y)), 1))
        + cycle * (|F(G(x)) - x| + |G(F(y)) - y|) + identity * (|G(y) - y| + |F(x) - x|)

G makes truths of images, and F images of truths. No term joins an image to its own truth, so that pairs teach it
nothing beyond what the two heaps apart would.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dbram_baseline.training.config import Config
from dbram_baseline.training.losses import descend, least_squares

POOL = 50  # generated images that a judge is shown again (Shrivastava et al., 2017)


def one_step(nets: dict[str, nn.Module], adams: dict[str, torch.optim.Adam], x: Tensor, y: Tensor, made: Config,
             bf16: bool, world: int, memory: dict[str, Tensor]) -> dict[str, Tensor]:  # fmt: skip
    """One step of all four networks; the terms of the losses, as scalars, "loss" first. The pools are in `memory`."""
    cast = torch.autocast(x.device.type, torch.bfloat16, enabled=bf16)
    there, back = nets["generator"], nets["backward"]
    judges = {"truths": nets["judge_truths"], "images": nets["judge_images"]}
    _frozen(judges, True)
    with cast:
        fakes = {"truths": there(x), "images": back(y)}
        again = {"images": back(fakes["truths"]), "truths": there(fakes["images"])}
        same = {"truths": there(y), "images": back(x)} if made.identity else {}
        logits = {k: judges[k](fakes[k]) for k in judges}
    real = {"truths": y, "images": x}
    terms = {
        "adversarial": torch.stack([least_squares(v, True) for v in logits.values()]).sum(),
        "cycle": torch.stack([(again[k].float() - real[k]).abs().mean() for k in real]).sum(),
    }
    loss = made.adversarial * terms["adversarial"] + made.cycle * terms["cycle"]
    if same:
        terms["identity"] = torch.stack([(same[k].float() - real[k]).abs().mean() for k in real]).sum()
        loss = loss + made.identity * terms["identity"]
    descend(loss, [adams["generator"], adams["backward"]], world)
    _frozen(judges, False)
    wrong = []
    for k, judge in judges.items():
        shown = _from_pool(memory, k, fakes[k].detach().float())
        with cast:
            right, false = judge(real[k]), judge(shown)
        wrong.append((least_squares(right, True) + least_squares(false, False)) / 2)
        descend(wrong[-1], [adams[f"judge_{k}"]], world)
    return {"loss": loss} | terms | {"discriminator": torch.stack(wrong).mean()}


def _frozen(judges: dict[str, nn.Module], frozen: bool) -> None:
    for judge in judges.values():
        for p in judge.parameters():
            p.requires_grad_(not frozen)


def _from_pool(memory: dict[str, Tensor], name: str, images: Tensor) -> Tensor:
    """The images, half of them in exchange for older ones once there are POOL of those."""
    pool = memory.get(name, images[:0])
    shown = []
    for image in images:
        if len(pool) < POOL:
            pool = torch.cat([pool, image[None]])
            shown.append(image)
        elif float(torch.rand(())) < 0.5:
            at = int(torch.randint(POOL, ()))
            shown.append(pool[at].clone())
            pool[at] = image
        else:
            shown.append(image)
    memory[name] = pool
    return torch.stack(shown)
