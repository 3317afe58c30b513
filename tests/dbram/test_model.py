"""The networks: every printed number of the paper, and any size of image."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from dbram_baseline.model import (
    VARIANTS,
    Attention,
    Discriminator,
    PatchDiscriminator,
    SpatialLSTM,
    folded,
    generator,
    parameters,
)

# Table 1 resolved, and the sizes of its relatives, counted by hand.
COUNTS = {
    "dbram": 9_144_853, "nonlocal": 7_960_853, "only-lstm": 9_025_411, "nonlocal-bilstm": 9_144_853,
    "resnet6": 7_841_411, "pix2pix": 16_659_075, "cgan": 7_841_411,
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts(name):
    assert parameters(generator(name)) == COUNTS[name]


def test_parameter_counts_of_the_parts():
    net = generator("dbram")
    rows = [net.encoder, net.attention_1, net.rnn, net.attention_2, net.residual, net.decoder]
    expected = [9_536 + 369_408, 37_201, 1_052_672 + 131_328, 82_241, 7_084_032, 295_168 + 73_856 + 9_411]
    assert [parameters(r) for r in rows] == expected
    assert parameters(generator("dbram", attn1="eq4")) == 9_189_893
    assert parameters(Discriminator()) == 9_024
    assert parameters(PatchDiscriminator()) == 2_768_705
    assert parameters(generator("cyclegan", norm="instance", dropout=0.0)) == 11_378_179


def test_a_patch_discriminator_gives_a_logit_a_patch():
    images = torch.zeros(2, 3, 32, 280)
    assert PatchDiscriminator(8)(images, images).shape == (2, 1, 2, 33)
    assert PatchDiscriminator(8, "instance", planes=3)(images).shape == (2, 1, 2, 33)


@pytest.mark.parametrize("size", [(32, 280), (256, 256), (33, 281), (30, 277), (1, 7)])
@pytest.mark.parametrize("name", VARIANTS)
def test_any_size_comes_out_as_it_went_in(name, size):
    with torch.no_grad():
        out = generator(name, width=8, dropout=0.0).eval()(torch.rand(1, 3, *size) * 2 - 1)
    assert out.shape == (1, 3, *size) and out.abs().max() <= 1


def test_map_sizes_of_table_1():
    net, seen = generator("dbram").eval(), {}
    for name, part in net.named_children():
        part.register_forward_hook(lambda _m, _i, o, name=name: seen.update({name: tuple(o.shape[1:])}))
    with torch.no_grad():
        net(torch.zeros(1, 3, 32, 280))
    assert seen == {
        "encoder": (256, 8, 70), "attention_1": (256, 8, 70), "rnn": (256, 8, 70), "attention_2": (256, 8, 70),
        "residual": (256, 8, 70), "decoder": (3, 32, 280),
    }  # fmt: skip


def test_attention_is_torch_s_own():
    """Against scaled_dot_product_attention; and the identity at the beginning."""
    torch.manual_seed(0)
    block, x = Attention(64, 8, 16), torch.randn(2, 64, 5, 7)
    assert torch.equal(block(x), x)
    nn.init.constant_(block.alpha, 0.5)
    q, k, v = (f(x).flatten(2).transpose(1, 2) for f in (block.query, block.key, block.value))
    attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(2, 16, 5, 7)
    assert torch.allclose(block(x), x + 0.5 * block.out(attended), atol=1e-5)


def test_lstms_run_along_rows_and_down_columns():
    """A change at one place moves what is right of it in its row, and below it in its column, and nothing else."""
    torch.manual_seed(0)
    net, x = SpatialLSTM(4), torch.randn(1, 4, 6, 9)
    y = x.clone()
    y[:, :, 2, 3] += 1
    changed = (net(x) - net(y)).abs().amax(dim=(0,))
    row, column = changed[:4].amax(0) > 1e-7, changed[4:].amax(0) > 1e-7
    assert row[2, 3:].all() and row.sum() == 6
    assert column[2:, 3].all() and column.sum() == 4


@pytest.mark.parametrize("name", VARIANTS)
def test_folding_norms_changes_nothing(name):
    torch.manual_seed(0)
    net, x = generator(name, width=8, dropout=0.0), torch.rand(2, 3, 32, 96) * 2 - 1
    with torch.no_grad():
        for _ in range(5):  # statistics other than the initial ones
            net.train()(x)
        same = folded(net)
        assert torch.allclose(net.eval()(x), same(x), atol=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in same.modules())


def test_pix2pix_has_five_levels():
    """280 px are padded to 288, so that the innermost map is one row of nine places."""
    net, seen = generator("pix2pix", width=4).eval(), []
    for down in net.down:
        down.register_forward_hook(lambda _m, _i, o: seen.append(tuple(o.shape[2:])))
    with torch.no_grad():
        net(torch.zeros(1, 3, 32, 280))
    assert seen == [(16, 144), (8, 72), (4, 36), (2, 18), (1, 9)]
