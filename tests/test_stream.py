"""The stream: the stored samples, each once over workers and ranks, resumed at the exact sample."""

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
from subsynth.report.contact_sheet import read_samples
from subsynth.stream import SubtitleStream, iterable


def indices(samples):
    return [int(i) for s in samples for i in np.atleast_1d(s["index"])]


def test_samples_equal_the_stored_ones(small, tmp_path):
    build_dataset(small, tmp_path / "set", workers=1)
    stored = read_samples(tmp_path / "set", "train", 30)
    streamed = list(SubtitleStream(small, "train"))
    assert len(streamed) == 30
    for i, (sample, (image, truth)) in enumerate(zip(streamed, stored, strict=True)):
        assert sample["image"].dtype == sample["ground_truth"].dtype == torch.uint8
        assert sample["image"].shape == (3, 32, 280) and sample["ground_truth"].shape == (1, 32, 280)
        assert sample["image"].is_contiguous()
        assert np.array_equal(sample["image"].permute(1, 2, 0), image)
        assert np.array_equal(sample["ground_truth"][0], truth)
        assert sample["index"] == i


def test_later_epochs_have_the_samples_of_a_larger_set(small):
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


def test_the_rank_is_taken_from_torchrun(small, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert indices(SubtitleStream(small, "train")) == list(range(10, 20))
    assert indices(SubtitleStream(small, "train", rank=0, world_size=1)) == list(range(30))


def test_persistent_workers_receive_the_epoch(small):
    stream = SubtitleStream(small, "test")
    loader = DataLoader(stream, batch_size=5, num_workers=1, persistent_workers=True)
    epochs = []
    for epoch in (0, 1, 5):
        stream.set_epoch(epoch)
        epochs.append(indices(loader))
    assert epochs == [list(range(10)), list(range(10, 20)), list(range(50, 60))]


@pytest.mark.parametrize("seen", [0, 1, 13, 29, 30])
def test_it_resumes_at_the_exact_sample(small, seen):
    stream = SubtitleStream(small, "train")
    stream.set_epoch(1)
    iterator = iter(stream)
    before = indices(itertools.islice(iterator, seen))
    state = stream.state_dict()
    fresh = SubtitleStream(small, "train")
    fresh.load_state_dict(state)
    assert fresh.state_dict() == state
    assert before + indices(fresh) == list(range(30, 60))
    assert indices(fresh) == list(range(30, 60))  # only the next iteration resumes


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("batches", [0, 2, 5])
def test_a_stateful_loader_resumes(small, workers, batches):
    def loader():
        return StatefulDataLoader(SubtitleStream(small, "train"), batch_size=4, num_workers=workers)

    expected = [indices([batch]) for batch in loader()]
    first = loader()
    iterator = iter(first)
    before = [indices([next(iterator)]) for _ in range(batches)]
    state = first.state_dict()
    second = loader()
    second.load_state_dict(state)
    assert before + [indices([batch]) for batch in second] == expected


def test_the_state_of_another_stream_is_rejected(small):
    state = SubtitleStream(small, "train").state_dict()
    for other in (
        SubtitleStream(small, "test"),
        SubtitleStream(dataclasses.replace(small, seed=1), "train"),
        SubtitleStream(small, "train", rank=1, world_size=2),
    ):
        with pytest.raises(SpecError, match="the state was saved with"):
            other.load_state_dict(state)


@pytest.mark.parametrize("ranks", [{"rank": 1}, {"rank": 2, "world_size": 2}, {"rank": 0, "world_size": 0}])
def test_impossible_ranks_are_rejected(small, ranks):
    with pytest.raises(SpecError, match="rank is"):
        SubtitleStream(small, "train", **ranks)
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


def test_iterable_is_divided_and_resumes(small):
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
    """`iterable` yields NumPy arrays, and SubtitleStream names what to install."""
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
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    kind, message = process.stdout.splitlines()
    assert kind == "ndarray" and "pip install torch" in message


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch_size", [4, 7, 64])
def test_batches_drawn_by_threads_are_the_samples(small, batch_size, threads):
    labelled = dataclasses.replace(small, labels=dataclasses.replace(small.labels, erase_mask=True, coverage=True))
    samples = list(SubtitleStream(labelled, "train"))
    stream = SubtitleStream(labelled, "train", batch_size=batch_size, threads=threads)
    batches = list(DataLoader(stream, batch_size=None))
    assert len(batches) == len(stream) == -(-len(samples) // batch_size)
    assert [len(batch["text"]) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert [text for batch in batches for text in batch["text"]] == [sample["text"] for sample in samples]
    for key in ("image", "ground_truth", "erase_mask", "coverage"):
        drawn = torch.cat([batch[key] for batch in batches])
        assert drawn.dtype == torch.uint8 and torch.equal(drawn, torch.stack([sample[key] for sample in samples]))
    assert indices(batches) == list(range(len(samples)))


@pytest.mark.parametrize(("world", "workers"), [(1, 2), (3, 0), (3, 2)])
def test_ranks_and_workers_share_an_epoch_of_batches(small, world, workers):
    streams = [SubtitleStream(small, "train", rank, world, batch_size=4) for rank in range(world)]
    parts = [indices(DataLoader(stream, batch_size=None, num_workers=workers)) for stream in streams]
    assert sorted(itertools.chain(*parts)) == list(range(small.size("train")))


@pytest.mark.parametrize("taken", [0, 1, 3, 8])
def test_batches_resume_at_the_next_one(small, taken):
    stream = SubtitleStream(small, "train", batch_size=4, threads=2)
    iterator = iter(stream)
    first = [next(iterator) for _ in range(taken)]
    again = SubtitleStream(small, "train", batch_size=4, threads=2)
    again.load_state_dict(stream.state_dict())
    assert indices([*first, *again]) == list(range(small.size("train")))


def test_bad_sizes_of_batches_are_refused(small):
    for sizes in ({"batch_size": 0}, {"batch_size": 4, "threads": 0}):
        with pytest.raises(SpecError, match="1 or more"):
            SubtitleStream(small, "train", **sizes)
