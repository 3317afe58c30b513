"""The stream: the stored samples, each once over workers and ranks, and on from the exact one."""

import dataclasses
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from subsynth import SpecError, pairs
from subsynth.build.build import build_dataset
from subsynth.stream import SubtitleStream, iterable


def indices(samples):
    return [int(i) for s in samples for i in np.atleast_1d(s["index"])]


def test_it_is_what_is_stored(small, tmp_path):
    from subsynth.report.contact_sheet import from_directory

    build_dataset(small, tmp_path / "set", workers=1)
    stored = from_directory(tmp_path / "set", "train", 30)
    seen = list(SubtitleStream(small, "train"))
    assert len(seen) == 30
    for i, (sample, (image, truth)) in enumerate(zip(seen, stored, strict=True)):
        assert sample["image"].dtype == sample["ground_truth"].dtype == torch.uint8
        assert sample["image"].shape == (3, 32, 280) and sample["ground_truth"].shape == (1, 32, 280)
        assert sample["image"].is_contiguous()
        assert np.array_equal(sample["image"].permute(1, 2, 0), image)
        assert np.array_equal(sample["ground_truth"][0], truth)
        assert sample["index"] == i


def test_epochs_go_on_where_a_larger_set_would(small):
    stream = SubtitleStream(small, "test")
    stream.set_epoch(2)
    larger = dataclasses.replace(small, n_test=100)
    for sample, pair in zip(stream, pairs(larger, "test", 20, 30), strict=True):
        assert sample["index"] == pair.recipe.index and sample["text"] == pair.recipe.text
        assert np.array_equal(sample["image"].permute(1, 2, 0), pair.image)


@pytest.mark.parametrize("split", ["train", "test_hard"])
@pytest.mark.parametrize(("world", "workers"), [(1, 0), (1, 2), (3, 0), (3, 2), (7, 1)])
def test_ranks_and_workers_share_an_epoch(small, split, world, workers):
    parts = [
        indices(DataLoader(SubtitleStream(small, split, rank, world), batch_size=4, num_workers=workers))
        for rank in range(world)
    ]
    assert sorted(itertools.chain(*parts)) == list(range(small.size(split)))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_the_rank_is_torchrun_s(small, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert indices(SubtitleStream(small, "train")) == list(range(10, 20))
    assert indices(SubtitleStream(small, "train", rank=0, world_size=1)) == list(range(30))


def test_workers_that_live_on_are_told_the_epoch(small):
    stream = SubtitleStream(small, "test")
    loader = DataLoader(stream, batch_size=5, num_workers=1, persistent_workers=True)
    seen = []
    for epoch in (0, 1, 5):
        stream.set_epoch(epoch)
        seen.append(indices(loader))
    assert seen == [list(range(10)), list(range(10, 20)), list(range(50, 60))]


@pytest.mark.parametrize("at", [0, 1, 13, 29, 30])
def test_it_goes_on_at_the_exact_sample(small, at):
    stream = SubtitleStream(small, "train")
    stream.set_epoch(1)
    iterator = iter(stream)
    before = indices(itertools.islice(iterator, at))
    state = stream.state_dict()
    fresh = SubtitleStream(small, "train")
    fresh.load_state_dict(state)
    assert fresh.state_dict() == state
    assert before + indices(fresh) == list(range(30, 60))
    assert indices(fresh) == list(range(30, 60))  # only the next iteration goes on


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("at", [0, 2, 5])
def test_a_stateful_loader_goes_on(small, workers, at):
    def loader():
        return StatefulDataLoader(SubtitleStream(small, "train"), batch_size=4, num_workers=workers)

    whole = [indices([batch]) for batch in loader()]
    first = loader()
    iterator = iter(first)
    before = [indices([next(iterator)]) for _ in range(at)]
    state = first.state_dict()
    second = loader()
    second.load_state_dict(state)
    assert before + [indices([batch]) for batch in second] == whole


def test_a_state_of_something_else_is_refused(small):
    state = SubtitleStream(small, "train").state_dict()
    for other in (
        SubtitleStream(small, "test"),
        SubtitleStream(dataclasses.replace(small, seed=1), "train"),
        SubtitleStream(small, "train", rank=1, world_size=2),
    ):
        with pytest.raises(SpecError, match="the state was saved with"):
            other.load_state_dict(state)


@pytest.mark.parametrize("given", [{"rank": 1}, {"rank": 2, "world_size": 2}, {"rank": 0, "world_size": 0}])
def test_ranks_that_cannot_be(small, given):
    with pytest.raises(SpecError, match="rank is"):
        SubtitleStream(small, "train", **given)
    with pytest.raises(SpecError):
        SubtitleStream(small, "validation")


def test_iterable_has_the_same_rows(small):
    rows = iterable(small, "train", parts=4)
    assert rows.num_shards == 4
    for row, sample in zip(rows, SubtitleStream(small, "train"), strict=True):
        assert row["image"].dtype == torch.uint8 and torch.equal(row["image"], sample["image"])
        assert torch.equal(row["ground_truth"], sample["ground_truth"])
        assert row["text"] == sample["text"] and int(row["index"]) == sample["index"]
    assert indices(iterable(small, "test", epoch=3)) == list(range(30, 40))


def test_iterable_is_divided_and_goes_on(small):
    from datasets.distributed import split_dataset_by_node

    parts = [indices(split_dataset_by_node(iterable(small, "train", parts=4), rank, 2)) for rank in range(2)]
    assert sorted(parts[0] + parts[1]) == list(range(30))
    loaded = indices(DataLoader(iterable(small, "train", parts=4), batch_size=3, num_workers=2))
    assert sorted(loaded) == list(range(30))
    rows = iterable(small, "train", parts=4)
    before = indices(itertools.islice(rows, 11))
    state = rows.state_dict()
    fresh = iterable(small, "train", parts=4)
    fresh.load_state_dict(state)
    assert before + indices(fresh) == list(range(30))


def test_without_torch(small, tmp_path):
    """iterable gives arrays, and SubtitleStream says what to install."""
    (tmp_path / "spec.yaml").write_text(small.to_yaml())
    code = """
import sys
class Missing:
    def find_spec(self, name, *_):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from subsynth import Spec, SpecError
from subsynth.stream import SubtitleStream, iterable
spec = Spec.load("spec.yaml")
print(type(next(iter(iterable(spec, "test")))["image"]).__name__)
try:
    SubtitleStream(spec, "test")
except SpecError as error:
    print(error)
"""
    env = os.environ | {"USE_TORCH": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[0] == "ndarray" and "pip install torch" in done.stdout.splitlines()[1]
