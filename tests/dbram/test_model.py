"""The networks: every printed number of the paper, and images of any size."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from dbram_baseline.model import Attention, OutputConv2d, SpatialLSTM
from dbram_baseline.networks.discriminators import PatchDiscriminator, PixelDiscriminator
from dbram_baseline.networks.factory import MODELS, build_generator, count_parameters
from dbram_baseline.networks.inference import fold_batch_norms

# Of Table 1, and of the models that it is compared with; counted by hand.
COUNTS = {
    "dbram": 9_144_853, "nonlocal": 7_960_853, "only-lstm": 9_025_411, "nonlocal-bilstm": 9_144_853,
    "resnet6": 7_841_411, "pix2pix": 16_659_075, "cgan": 7_841_411,
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts(name):
    assert count_parameters(build_generator(name)) == COUNTS[name]


def test_parameter_counts_of_the_parts():
    network = build_generator("dbram")
    parts = [network.encoder, network.attention_1, network.rnn, network.attention_2, network.residual, network.decoder]
    expected = [9_536 + 369_408, 37_201, 1_052_672 + 131_328, 82_241, 7_084_032, 295_168 + 73_856 + 9_411]
    assert [count_parameters(r) for r in parts] == expected
    assert count_parameters(build_generator("dbram", attn1="eq4")) == 9_189_893
    assert count_parameters(PixelDiscriminator()) == 9_024
    assert count_parameters(PatchDiscriminator()) == 2_768_705
    assert count_parameters(build_generator("cyclegan", norm="instance", dropout=0.0)) == 11_378_179


def test_the_patch_discriminator_has_a_logit_per_patch():
    images = torch.zeros(2, 3, 32, 280)
    assert PatchDiscriminator(8)(images, images).shape == (2, 1, 2, 33)
    assert PatchDiscriminator(8, "instance", planes=3)(images).shape == (2, 1, 2, 33)


@pytest.mark.parametrize("size", [(32, 280), (256, 256), (33, 281), (30, 277), (1, 7)])
@pytest.mark.parametrize("name", MODELS)
def test_the_output_has_the_size_of_the_input(name, size):
    with torch.no_grad():
        out = build_generator(name, width=8, dropout=0.0).eval()(torch.rand(1, 3, *size) * 2 - 1)
    assert out.shape == (1, 3, *size) and out.abs().max() <= 1


def test_map_sizes_of_table_1():
    network, shapes = build_generator("dbram").eval(), {}
    for name, part in network.named_children():
        part.register_forward_hook(lambda _m, _i, o, name=name: shapes.update({name: tuple(o.shape[1:])}))
    with torch.no_grad():
        network(torch.zeros(1, 3, 32, 280))
    assert shapes == {
        "encoder": (256, 8, 70), "attention_1": (256, 8, 70), "rnn": (256, 8, 70), "attention_2": (256, 8, 70),
        "residual": (256, 8, 70), "decoder": (3, 32, 280),
    }  # fmt: skip


def test_attention_is_that_of_torch():
    """Compared with scaled_dot_product_attention; before training it is the identity."""
    torch.manual_seed(0)
    block, x = Attention(64, 8, 16), torch.randn(6, 64, 5, 7)  # more than are attended at once
    assert torch.equal(block(x), x)
    nn.init.constant_(block.alpha, 0.5)
    q, k, v = (f(x).flatten(2).transpose(1, 2) for f in (block.query, block.key, block.value))
    attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(6, 16, 5, 7)
    assert torch.allclose(block(x), x + 0.5 * block.out(attended), atol=1e-5)


@pytest.mark.parametrize("size", [(14, 30), (15, 30), (14, 31), (7, 8)])
def test_the_last_convolution_is_a_usual_one(size):
    """Computed for four pixels at once or not, with the same gradients."""
    torch.manual_seed(0)
    blocks, usual = OutputConv2d(8, 3, 7), nn.Conv2d(8, 3, 7)
    usual.load_state_dict(blocks.state_dict())
    x = torch.randn(2, 8, *size, requires_grad=True)
    goal, gradients = torch.randn_like(usual(x)), []
    for layer in (blocks, usual):
        y = layer(x)
        gradients.append(torch.autograd.grad((y * goal).sum(), (x, layer.weight, layer.bias)))
        assert torch.allclose(y, usual(x), atol=1e-5)
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(*gradients, strict=True))


def test_lstms_run_along_rows_and_down_columns():
    """A change of one pixel changes only the pixels to its right, and those below it."""
    torch.manual_seed(0)
    lstm, x = SpatialLSTM(4), torch.randn(1, 4, 6, 9)
    y = x.clone()
    y[:, :, 2, 3] += 1
    changed = (lstm(x) - lstm(y)).abs().amax(dim=(0,))
    row, column = changed[:4].amax(0) > 1e-7, changed[4:].amax(0) > 1e-7
    assert row[2, 3:].all() and row.sum() == 6
    assert column[2:, 3].all() and column.sum() == 4


@pytest.mark.parametrize("name", MODELS)
def test_folding_norms_changes_nothing(name):
    torch.manual_seed(0)
    network, x = build_generator(name, width=8, dropout=0.0), torch.rand(2, 3, 32, 96) * 2 - 1
    with torch.no_grad():
        for _ in range(5):  # so that the statistics are not the initial ones
            network.train()(x)
        folded = fold_batch_norms(network)
        assert torch.allclose(network.eval()(x), folded(x), atol=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())


def test_pix2pix_has_five_levels():
    """280 px are padded to 288, so that the innermost map has 1 x 9 pixels."""
    network, sizes = build_generator("pix2pix", width=4).eval(), []
    for down in network.down:
        down.register_forward_hook(lambda _m, _i, o: sizes.append(tuple(o.shape[2:])))
    with torch.no_grad():
        network(torch.zeros(1, 3, 32, 280))
    assert sizes == [(16, 144), (8, 72), (4, 36), (2, 18), (1, 9)]
