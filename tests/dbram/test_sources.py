"""Where training pairs come from: data sets, several of them, pairs rendered during training, and unusable data."""

import cv2
import numpy as np
import torch
from datasets import Dataset

from dbram_baseline.data.refs import DataRef
from dbram_baseline.data.sources import Rendered, RenderPool, open_source
from subsynth import pairs, sub_en


def test_data_that_does_not_exist(command, error_line):
    """In a process that is offline, since the client of the hub would retry for long."""
    assert "--data nowhere" in error_line(command("train", "--data", "nowhere"))


def test_unusable_data_is_reported(rejected, tmp_path):
    def message(name, rows):
        (tmp_path / name).mkdir()
        Dataset.from_list(rows).to_parquet(tmp_path / name / "train.parquet")
        arguments = ["--preset", "ci", "--validation", 1, "--out", tmp_path / "run"]
        return rejected("--data", tmp_path / name, *arguments)

    def png(height, width, planes=3):
        return {"bytes": cv2.imencode(".png", np.zeros((height, width, planes), np.uint8))[1].tobytes(), "path": None}

    pair = {"image": png(32, 280), "ground_truth": png(32, 280, 1)}
    assert "no column 'ground_truth'; it has image, mask" in message("a", [{"image": png(32, 280), "mask": 1}])
    narrow = {"image": png(32, 100), "ground_truth": png(32, 100, 1)}
    assert "row 1 of train has 32 x 100 px" in message("b", [pair, narrow])
    assert "image and ground truth differ in size" in message("c", [pair | {"ground_truth": png(32, 100, 1)}])
    broken = {"image": {"bytes": b"not an image", "path": None}, "ground_truth": pair["ground_truth"]}
    assert "image of row 0 of train cannot be decoded" in message("d", [broken])
    assert "1 pairs and --validation is 1" in message("e", [pair])


def open_small_source(data):
    return open_source(DataRef.parse_list(data), 20, 0, 0, 1, torch.device("cpu"), quiet=True)


def test_sets_are_joined(small_set):
    joined = open_small_source(f"{small_set},{small_set}")
    assert joined.pairs == 220 and len(joined.validation()[0]) == 20


def test_batches_cover_an_epoch_and_no_more(small_set):
    """Each pair once per epoch, in a new order each time, without the validation set; ranks share a batch."""
    source = open_small_source(str(small_set))
    numbers = {i.numpy().tobytes(): n for n, i in enumerate(source.images.permute(0, 3, 1, 2))}

    def batch(step, **part):
        return [numbers[i.numpy().tobytes()] for i in source.batch(step, 20, **part)[0]]

    first, second = ([n for s in range(e * 5, e * 5 + 5) for n in batch(s)] for e in (0, 1))
    assert sorted(first) == sorted(second) == list(range(100)) and first != second
    assert sorted(batch(3, rank=0, world=2) + batch(3, rank=1, world=2)) == sorted(batch(3))


def test_rendered_batches_are_those_of_subsynth():
    """The pairs of train in their order, new ones at each step, in this process or in another."""
    inline, pooled = (Rendered("en", 100, 4, 3, RenderPool(workers)) for workers in (0, 1))
    for step in (0, 1, 5):
        images, truths = inline.batch(step, 4)
        expected = list(pairs(sub_en(n=100, seed=3), "train", step * 4, step * 4 + 4))
        assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), np.stack([p.image for p in expected]))
        assert np.array_equal(truths.numpy(), np.stack([p.ground_truth for p in expected]))
    assert torch.equal(inline.batch(5, 4, rank=1, world=2)[0], images[1::2])
    for step in (5, 6, 31, 32):  # a block of batches ends before the last one
        assert all(map(torch.equal, pooled.batch(step, 4), inline.batch(step, 4)))
    pooled = Rendered("en", 100, 4, 3, RenderPool(1))
    for step in (63, 64):
        assert all(map(torch.equal, pooled.batch(step, 4, 1, 2), inline.batch(step, 4, 1, 2)))


def test_presets_are_rendered_in_turn():
    """Batches of bands and of strips alternate; each is the next one of its preset."""
    refs = DataRef.parse_list("render:film_en,sub_zh")
    source = open_source(refs, 4, 3, 100, 0, torch.device("cpu"), quiet=True)
    single = [Rendered(preset, 100, 4, 3, RenderPool(0)) for preset in ("film_en", "sub_zh")]
    assert source.pairs == 200
    for step, (number, turn) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        for one, other in zip(source.batch(step, 2), single[number].batch(turn, 2), strict=True):
            assert torch.equal(one, other)
    assert torch.equal(source.validation()[0], single[0].validation()[0])


def test_a_preset_that_is_named_twice_takes_two_turns():
    """And repeats no pair; a preset that is named once keeps its own turn."""
    refs = DataRef.parse_list("render:sub_en,sub_zh,sub_en")
    source = open_source(refs, 4, 3, 100, 0, torch.device("cpu"), quiet=True)
    english, chinese = (Rendered(preset, 100, 4, 3, RenderPool(0)) for preset in ("sub_en", "sub_zh"))
    expected = [english.batch(0, 2), chinese.batch(0, 2), english.batch(1, 2), english.batch(2, 2), chinese.batch(1, 2)]
    for step, batch in enumerate(expected):
        assert all(map(torch.equal, source.batch(step, 2), batch))
