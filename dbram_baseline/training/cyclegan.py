"""A step of CycleGAN (Zhu et al., 2017): two generators, there and back, and a discriminator at each end.

    L_G = adversarial * (LS(D_y(G(x)), 1) + LS(D_x(F(y)), 1))
        + cycle * (|F(G(x)) - x| + |G(F(y)) - y|) + identity * (|G(y) - y| + |F(x) - x|)

G makes ground truths y from images x, and F images from ground truths. No term compares an image with its own ground
truth, so that the pairs teach it nothing that two unpaired collections would not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dbram_baseline.training.losses import least_squares
from dbram_baseline.training.optimizer import descend
from dbram_baseline.training.step import Learner

POOL_SIZE = 50  # generated images that a discriminator may see again (Shrivastava et al., 2017)


def cyclegan_step(learner: Learner, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """One step of all four networks. The pools of generated images are `learner.pools`."""
    config, networks = learner.config, learner.networks
    to_truth, to_image = networks["generator"], networks["backward"]
    discriminators = {"truths": networks["judge_truths"], "images": networks["judge_images"]}
    real = {"truths": targets, "images": inputs}
    for discriminator in discriminators.values():
        discriminator.requires_grad_(False)
    with learner.autocast(inputs.device):
        fake = {"truths": to_truth(inputs), "images": to_image(targets)}
        cycled = {"images": to_image(fake["truths"]), "truths": to_truth(fake["images"])}
        same = {"truths": to_truth(targets), "images": to_image(inputs)} if config.identity else {}
        logits = [discriminator(fake[k]) for k, discriminator in discriminators.items()]
    terms = {
        "adversarial": torch.stack([least_squares(v, True) for v in logits]).sum(),
        "cycle": _mean_distance(cycled, real),
    }
    loss = config.adversarial * terms["adversarial"] + config.cycle * terms["cycle"]
    if same:
        terms["identity"] = _mean_distance(same, real)
        loss = loss + config.identity * terms["identity"]
    descend(loss, [learner.optimizers["generator"], learner.optimizers["backward"]], learner.world)
    discriminator_losses = []
    for k, discriminator in discriminators.items():
        discriminator.requires_grad_(True)
        pooled = exchange_with_pool(learner.pools, k, fake[k].detach().float())
        with learner.autocast(inputs.device):
            real_logits, fake_logits = discriminator(real[k]), discriminator(pooled)
        discriminator_losses.append((least_squares(real_logits, True) + least_squares(fake_logits, False)) / 2)
        descend(discriminator_losses[-1], [learner.optimizers[f"judge_{k}"]], learner.world)
    return {"loss": loss} | terms | {"discriminator": torch.stack(discriminator_losses).mean()}


def _mean_distance(images: dict[str, Tensor], real: dict[str, Tensor]) -> Tensor:
    """The sum of the two L1 distances."""
    return torch.stack([(images[k].float() - real[k]).abs().mean() for k in real]).sum()


def exchange_with_pool(pools: dict[str, Tensor], name: str, images: Tensor) -> Tensor:
    """The images for a discriminator: once the pool is full, half of them are exchanged for older ones."""
    pool = pools.get(name, images[:0])
    result = []
    for image in images:
        if len(pool) < POOL_SIZE:
            pool = torch.cat([pool, image[None]])
            result.append(image)
        elif float(torch.rand(())) < 0.5:
            i = int(torch.randint(POOL_SIZE, ()))
            result.append(pool[i].clone())
            pool[i] = image
        else:
            result.append(image)
    pools[name] = pool
    return torch.stack(result)
