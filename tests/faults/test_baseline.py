"""The baseline with other people's pictures, sets and checkpoints, and on machines where something is missing."""

import io
import json
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from safetensors.torch import load_file, save_file

from dbram_baseline import binarize, ocr, score
from dbram_baseline.classical.thresholds import METHODS
from dbram_baseline.data.documents import load_pages
from dbram_baseline.data.istd import load_shadows
from dbram_baseline.data.pairs import decode_pairs, load_texts
from dbram_baseline.data.pictures import MAX_PIXELS, PictureError, decode_picture, read_picture
from dbram_baseline.data.refs import DataRef
from dbram_baseline.data.sources import Rendered, RenderPool, open_source
from dbram_baseline.errors import BaselineError
from dbram_baseline.evaluation.eval_set import load_eval_set
from dbram_baseline.files import temporary_file, write_file
from dbram_baseline.networks.factory import build_generator
from dbram_baseline.reproduction.cell import MissingCell
from dbram_baseline.reproduction.results import ResultStore
from dbram_baseline.training.checkpoint import LAST, CheckpointInfo, load_generator, read_info
from dbram_baseline.training.config import build_config
from dbram_baseline.training.loop import train
from dbram_baseline.training.run_lock import RunLock

TINY = {
    "model": "resnet6", "width": 4, "discriminator_width": 4, "batch": 2, "crop": 0, "steps": 2, "validation": 2,
    "dropout": 0.0, "workers": 1, "device": "cpu",
}  # fmt: skip


def train_options(**changes):
    """The options of `train` for the configuration TINY."""
    given = [x for k, v in (TINY | changes).items() for x in (f"--{k.replace('_', '-')}", str(v))]
    return ["--preset", "ci", *given]


def png(height, width, planes=3, value=0):
    pixels = np.full((height, width, planes), value, np.uint8)
    pixels[height // 3 : height // 2, width // 4 : width // 2] = 255 - value
    return {"bytes": cv2.imencode(".png", pixels)[1].tobytes(), "path": None}


def pair(height=32, width=64, value=0):
    return {"image": png(height, width, value=value), "ground_truth": png(height, width, 1), "text": "a"}


def write_set(folder, rows):
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        Dataset.from_list(rows).to_parquet(folder / f"{split}.parquet")
    return folder


@pytest.fixture(scope="module")
def drawn_set(tmp_path_factory):
    """Eight pairs of 32 x 64 px."""
    return write_set(tmp_path_factory.mktemp("drawn"), [pair(value=10 * i) for i in range(8)])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The file of an untrained network."""
    return write_checkpoint(tmp_path_factory.mktemp("network") / LAST)


def write_checkpoint(path, metadata=None, **weights):
    torch.manual_seed(0)
    info = CheckpointInfo(build_config("ci", TINY), "a_set", "ci", 5)
    network = build_generator("resnet6", 4, norm="batch", dropout=0.0)
    tensors = {f"generator.{k}": v.contiguous() for k, v in network.state_dict().items()} | weights
    save_file(tensors, path, {"dbram_baseline": info.to_json() if metadata is None else metadata})
    return path


def run_command(name, *arguments, limit=None, **env):
    """Run one of the commands in a process of its own; `limit` is called in it first."""
    return subprocess.run(
        [sys.executable, "-m", f"dbram_baseline.{name}", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | env, preexec_fn=limit, text=True, capture_output=True, timeout=170,
        check=False,
    )  # fmt: skip


# Pictures


def encoded(image, kind="PNG", **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def ink_in_alpha(colour=0, size=(60, 40)):
    """A page whose ink is in the alpha channel: one colour everywhere, opaque where there is ink."""
    alpha = np.zeros(size[::-1], np.uint8)
    alpha[10:20, 10:50] = 255
    image = Image.new("RGB", size, (colour,) * 3)
    image.putalpha(Image.fromarray(alpha))
    return image


def palette_page():
    page = Image.fromarray(np.asarray(ink_in_alpha())[:, :, 3] // 255, "P")
    page.putpalette([200, 0, 200, 0, 0, 0])
    return page


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("grey", [False, True])
def test_ink_in_the_alpha_channel_is_dark_on_light(mode, grey):
    content = encoded(palette_page(), transparency=0) if mode == "P" else encoded(ink_in_alpha().convert(mode))
    pixels = decode_picture(content, grey)
    assert pixels.shape == ((40, 60) if grey else (40, 60, 3))
    assert (pixels[12, 30] == 0).all() and (pixels[0, 0] == 255).all()


def test_light_ink_is_laid_on_black():
    pixels = decode_picture(encoded(ink_in_alpha(230)))
    assert (pixels[12, 30] == 230).all() and (pixels[0, 0] == 0).all()


def test_pages_shadows_and_frames_are_read_by_the_same_rule(tmp_path, checkpoint):
    page, flat = ink_in_alpha(size=(256, 256)), Image.new("RGB", (256, 256), "white")
    flat.paste(page, mask=page.getchannel("A"))
    for folder in ("2009/images", "2009/gt", *(f"test/test_{part}" for part in "ABC")):
        (tmp_path / folder).mkdir(parents=True)
        page.save(tmp_path / folder / "a.png")
    (document,) = load_pages(DataRef.parse(f"dibco:{tmp_path}:2009"), "test")
    assert np.array_equal(document.image, flat) and np.array_equal(document.truth, flat.convert("L"))
    shadows = load_shadows(DataRef.parse(f"istd:{tmp_path}"), "test")
    assert np.array_equal(shadows.images[0], flat) and np.array_equal(shadows.masks[0], np.asarray(flat)[..., 0] > 127)
    outputs = []
    for name, image in (("alpha", page), ("flat", flat), ("black", Image.new("RGB", (256, 256)))):
        image.save(tmp_path / f"{name}.png")
        arguments = [str(tmp_path / f"{name}.png"), "--checkpoint", str(checkpoint), "--soft"]
        assert CliRunner().invoke(binarize.command, arguments).exit_code == 0
        outputs.append((tmp_path / f"{name}-bw.png").read_bytes())
    assert outputs[0] == outputs[1] != outputs[2]


def test_other_modes_and_orientations():
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))
    sixteen = cv2.imencode(".png", ramp.astype(np.uint16) * 256 + 77)[1].tobytes()
    assert np.array_equal(decode_picture(sixteen, grey=True), ramp)
    assert np.array_equal(decode_picture(cv2.imencode(".tiff", ramp.astype(np.uint16) * 256)[1].tobytes(), True), ramp)
    colour = Image.fromarray(np.stack([ramp, ramp[:, ::-1], ramp // 2], axis=2))
    cmyk = decode_picture(encoded(colour.convert("CMYK"), "TIFF"))
    assert np.abs(cmyk.astype(int) - np.asarray(colour)).max() <= 2
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    turned = decode_picture(encoded(colour, exif=exif))
    assert np.array_equal(turned, np.rot90(np.asarray(colour), -1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
def test_ordinary_pictures_are_decoded_as_by_opencv(kind):
    pixels = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8), (0, 0), 2)
    content = np.frombuffer(encoded(Image.fromarray(pixels), kind), np.uint8)
    assert np.array_equal(decode_picture(content.tobytes()), cv2.imdecode(content, cv2.IMREAD_COLOR_RGB))
    grey = decode_picture(content.tobytes(), grey=True)
    assert np.abs(grey.astype(int) - cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)).max() <= 1


def bomb(side=60_000):
    """A PNG of side x side px, without most of them."""
    content = bytearray(encoded(Image.new("1", (8, 8))))
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def test_what_is_no_picture_is_refused(tmp_path):
    good = encoded(Image.linear_gradient("L"))
    for content in (b"", b"text", good[:-400], good[:20], encoded(Image.new("F", (20, 20)), "TIFF")):
        with pytest.raises(PictureError):
            decode_picture(content)
    with pytest.raises(PictureError, match=f"{MAX_PIXELS:,}"):
        decode_picture(bomb())
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path, tmp_path / "fifo.png", tmp_path / "dangling.png", Path("/dev/zero")):
        with pytest.raises(BaselineError, match=path.name):
            read_picture(path)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2000), st.integers(0, 255), st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"]))
def test_damaged_pictures_are_refused_or_read(place, value, kind):
    content = bytearray(encoded(Image.linear_gradient("L").resize((40, 30)).convert("RGB"), kind))
    content[place % len(content)] = value
    try:
        assert decode_picture(bytes(content)).ndim == 3
    except PictureError as error:
        assert str(error).isprintable()


def test_a_folder_with_entries_that_cannot_be_read(tmp_path, checkpoint):
    frames = tmp_path / "frames"
    frames.mkdir()
    for name in ("a", "z"):
        Image.linear_gradient("L").resize((40, 30)).save(frames / f"{name}.png")
    (frames / "b.png").write_bytes(b"not an image")
    (frames / "c.png").mkdir()
    (frames / "d.png").symlink_to("nowhere")
    (frames / "e.png").write_bytes(bomb())
    result = CliRunner().invoke(binarize.command, [str(frames), "--checkpoint", str(checkpoint)])
    assert result.exit_code == 1 and "wrote 2 images" in result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == 4 and all(f"{name}.png" in line for name, line in zip("bcde", lines, strict=True))
    assert sorted(p.name for p in (tmp_path / "frames-bw").iterdir()) == ["a.png", "z.png"]


# Classical methods


def test_classical_methods_at_all_small_sizes():
    """In a process of its own, because wrong windows corrupt its memory."""
    code = """
import numpy as np
from dbram_baseline.classical.thresholds import METHODS
rng = np.random.default_rng(0)
sides = [*range(1, 15), 24, 25, 26, 36, 37, 38, 39, 75, 99, 100, 101, 200]
for height in sides:
    for width in sides:
        grey = rng.integers(0, 256, (height, width)).astype(np.uint8)
        for name in ("niblack", "sauvola", "wolf", "nick", "isauvola", "su"):
            assert METHODS[name](grey).shape == grey.shape
        others = [np.empty(n) for n in (1, 5, 50, 500)]
print("all")
"""
    env = os.environ | {"MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"}
    process = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (0, "all\n"), process.stderr[-500:]


@pytest.mark.parametrize(("size", "window"), [((32, 280), 25), ((64, 64), 25), ((300, 200), 75)])
def test_windows_of_ordinary_sizes_are_unchanged(size, window):
    doxapy = pytest.importorskip("doxapy")
    grey = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    method = doxapy.Binarization(doxapy.Binarization.Algorithms.SAUVOLA)
    method.initialize(grey)
    binary = np.empty_like(grey)
    method.to_binary(binary, {"window": window, "k": 0.2})
    assert np.array_equal(METHODS["sauvola"](grey), binary == 0)


# Sets


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": None}, "image of row 1 of test cannot be decoded.*null"),
        ({"ground_truth": None}, "ground_truth of row 1 of test cannot be decoded.*null"),
        ({"image": {"bytes": b"", "path": None}}, "image of row 1.*empty"),
        ({"image": {"bytes": None, "path": None}}, "image of row 1.*empty"),
        ({"image": {"bytes": None, "path": "/dev/zero"}}, "image of row 1.*"),
        ({"image": {"bytes": None, "path": "/nowhere.png"}}, "image of row 1.*No such file"),
        ({"image": png(16, 64)}, "differ in size"),
        (pair(16, 64), "row 1 of test has 16 x 64 px"),
        ({"image": {"bytes": bomb(), "path": None}}, "image of row 1.*cut or reduce it"),
    ],
)
def test_rows_that_cannot_be_scored(tmp_path, change, message):
    ref = DataRef.parse(str(write_set(tmp_path / "set", [pair(), pair() | change, pair()])))
    with pytest.raises(BaselineError, match=message):
        decode_pairs(ref, "test")


@pytest.mark.parametrize("side", [11_600, 60_000])  # refused here, and by Pillow's own limit, which is higher
@pytest.mark.parametrize("column", ["image", "ground_truth"])
@pytest.mark.parametrize("row", [0, 1])
def test_the_size_in_the_header_of_a_row_is_bounded_before_it_is_decoded(tmp_path, monkeypatch, side, column, row):
    rows = [pair(), pair()]
    rows[row] |= {column: {"bytes": bomb(side), "path": None}}
    ref = DataRef.parse(str(write_set(tmp_path / "set", rows)))
    decoded, load = [], ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: [decoded.append(self.size), load(self)][1])
    with pytest.raises(BaselineError, match=rf"{column} of row {row} of test .*more than {MAX_PIXELS:,}.*reduce it"):
        decode_pairs(ref, "test")
    assert max(decoded, default=(0, 0)) < (side, side)


def test_columns_of_other_types(tmp_path):
    ref = DataRef.parse(str(write_set(tmp_path / "numbers", [{"image": 1, "ground_truth": 2.5, "text": 3}])))
    with pytest.raises(BaselineError, match="numbers"):
        decode_pairs(ref, "test")
    with pytest.raises(BaselineError, match="text of row 0 of test is '3'"):
        load_texts(ref, "test", 5)
    empty = write_set(tmp_path / "empty", [pair()])
    for split in ("train", "test"):
        Dataset.from_list([pair()]).select([]).to_parquet(empty / f"{split}.parquet")
    with pytest.raises(BaselineError, match="empty"):
        decode_pairs(DataRef.parse(str(empty)), "test")


@pytest.mark.parametrize("size", [(5, 5), (10, 300), (300, 10), (1, 1)])
def test_images_smaller_than_the_window_of_ssim(tmp_path, size):
    data = str(write_set(tmp_path / "set", [pair(*size)] * 6))
    result = CliRunner().invoke(score.command, ["--data", data])
    assert isinstance(result.exception, BaselineError) and "at least 11 x 11 px" in str(result.exception)
    with pytest.raises(BaselineError, match="at least 11 x 11 px"):
        open_source(DataRef.parse_list(data), 2, 0, 0, 1, torch.device("cpu"), quiet=True)
    (tmp_path / "2009").mkdir()
    for name in ("a", "a_gt"):
        Image.new("L", size[::-1], 255).save(tmp_path / "2009" / f"{name}.png")
    with pytest.raises(BaselineError, match=r"2009/a is .* at least 11 x 11 px"):
        load_eval_set(DataRef.parse(f"dibco:{tmp_path}:2009"), "test")


def test_the_smallest_images_are_scored(tmp_path):
    data = write_set(tmp_path / "set", [pair(11, 11)] * 3)
    process = run_command("score", "--data", data, "--split", "test")
    assert process.returncode == 0 and "sauvola, raw" in process.stdout, process.stderr


# Checkpoints


def metadata(**changes):
    record = json.loads(CheckpointInfo(build_config("ci", TINY), "a_set", "ci", 5).to_json())
    config = record["config"] | changes.pop("config", {})
    return {k: v for k, v in (record | {"config": config} | changes).items() if v is not ...}


@pytest.mark.parametrize(
    "record",
    [
        *(metadata(config={"width": value}) for value in (10**6, 4097, -1, 0, "x", None, 4.5, True, [4], {})),
        *(metadata(config={"model": value}) for value in ("unknown", 1, None, "")),
        *(metadata(config={"norm": value}) for value in ("none", 1)),
        *(metadata(config={"dropout": value}) for value in (5, -0.1, float("nan"), "0.5")),
        *(metadata(config={"lr": value}) for value in (float("nan"), float("inf"), 0, "x")),
        *(metadata(config={"batch": value}) for value in (0, -4, 10**30, 2.0)),
        *(metadata(step=value) for value in ("../../etc/passwd", "5", -1, 10**30, 1.5, True, None, [5])),
        *(metadata(data=value) for value in (5, None, "a\x1b[31mb", ["a"])),
        metadata(config={"colour": "red"}), metadata(config={"device": "cpu\x1b[0m"}),
        metadata(config={"device": "x" * 1000}), metadata(step=...), metadata(config={}, preset=...), metadata(more=1),
        {"config": {}}, {**metadata(), "config": []}, {**metadata(), "config": None}, [], 5, None, "text",
        {**metadata(), "config": {k: v for k, v in metadata()["config"].items() if k != "width"}},
    ],
)  # fmt: skip
def test_metadata_of_checkpoints_has_types_and_bounds(tmp_path, record):
    path = write_checkpoint(tmp_path / LAST, json.dumps(record))
    with pytest.raises(BaselineError, match="not a checkpoint of this version") as raised:
        load_generator(path)
    message = str(raised.value).removeprefix(str(path))
    assert message.isprintable() and len(message) < 400


@pytest.mark.parametrize("text", ["", "{", "[" * 10_000, '{"a":' * 10_000, "1" * 5_000, "x" * 10**6])
def test_metadata_that_is_no_json(tmp_path, text):
    with pytest.raises(BaselineError, match="not a checkpoint of this version"):
        read_info(write_checkpoint(tmp_path / LAST, text))


def test_metadata_cannot_ask_for_more_than_the_file_has(tmp_path):
    path = write_checkpoint(tmp_path / LAST, json.dumps(metadata(config={"width": 4096, "model": "dbram"})))
    started = time.monotonic()
    with pytest.raises(BaselineError, match="its generator is a different network"):
        load_generator(path)
    assert time.monotonic() - started < 20


def test_weights_that_cannot_be_used(tmp_path):
    key = "generator.encoder.1.weight"
    weights = load_file(write_checkpoint(tmp_path / LAST))
    for value in (
        torch.zeros(3),
        torch.full_like(weights[key], torch.nan),
        torch.zeros(weights[key].shape, dtype=bool),
    ):
        try:
            load_generator(write_checkpoint(tmp_path / LAST, **{key: value}))
        except BaselineError as error:
            assert key.removeprefix("generator.") in str(error)
    with pytest.raises(BaselineError, match="is not finite"):
        load_generator(write_checkpoint(tmp_path / LAST, **{key: torch.full_like(weights[key], torch.nan)}))


def test_files_that_are_no_checkpoints(tmp_path, checkpoint):
    content = checkpoint.read_bytes()
    for i, part in enumerate((b"", b"\0" * 8, content[:7], content[: len(content) // 2], os.urandom(2000))):
        (tmp_path / f"{i}").write_bytes(part)
        with pytest.raises(BaselineError, match="not a checkpoint of dbram_baseline"):
            load_generator(tmp_path / f"{i}")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "nowhere", Path("/dev/zero")):
        with pytest.raises(BaselineError, match=path.name):
            load_generator(path)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_checkpoints_are_refused_or_loaded(checkpoint, tmp_path_factory, data):
    content = bytearray(checkpoint.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / LAST
    path.write_bytes(content)
    try:
        load_generator(path)
    except BaselineError as error:
        assert str(path) in str(error)


@pytest.fixture(scope="module")
def finished_run(drawn_set, tmp_path_factory):
    """A run of two steps."""
    out = tmp_path_factory.mktemp("finished") / "run"
    train(build_config("ci", TINY), str(drawn_set), "ci", out)
    return out


@pytest.fixture
def run_folder(finished_run, tmp_path):
    """A copy of the run whose files a test may change."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (LAST, "state-2.pt", "log.jsonl"):
        (folder / name).write_bytes((finished_run / name).read_bytes())
    return folder


def resume(folder, data, **overrides):
    train(build_config("ci", TINY | overrides), str(data), "ci", folder, resume=True, overrides=overrides)


class Touch:
    """Its pickle would create a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def changed_states(good, folder):
    """Contents that the state of a run must not have."""
    state = torch.load(io.BytesIO(good), weights_only=True)
    moments = {"state": {k: v | {"exp_avg": torch.zeros(3)} for k, v in state["adam"]["generator"]["state"].items()}}
    others = [
        [], {}, {**state, "rng": torch.zeros(3)}, {**state, "rng": None},
        {**state, "memory": {"images": torch.ones(3)}},
        {**state, "adam": {}}, {**state, "adam": state["adam"] | {"generator": {"state": {}}}},
        {**state, "adam": state["adam"] | {"generator": moments}},
    ]  # fmt: skip
    yield from (b"", good[:100], good[: len(good) // 2], os.urandom(5000), pickle.dumps(Touch(folder / "ran")))
    for other in (*others, {"adam": Touch(folder / "ran")}):
        content = io.BytesIO()
        torch.save(other, content)
        yield content.getvalue()


def test_states_that_cannot_be_resumed(run_folder, drawn_set, tmp_path):
    state = run_folder / "state-2.pt"
    good = state.read_bytes()
    for content in changed_states(good, tmp_path):
        state.write_bytes(content)
        with pytest.raises(BaselineError, match=r"state-2\.pt.*restore the file, or train again with another --out"):
            resume(run_folder, drawn_set)
    state.unlink()
    with pytest.raises(BaselineError, match=r"state-2\.pt.*No such file"):
        resume(run_folder, drawn_set)
    state.mkdir()
    with pytest.raises(BaselineError, match=r"state-2\.pt.*a folder"):
        resume(run_folder, drawn_set)
    assert not (tmp_path / "ran").exists()


def test_damaged_logs_are_resumed(run_folder, drawn_set):
    with (run_folder / "log.jsonl").open("ab") as log:
        log.write(b'[1]\n5\n{"step": "x"}\n{"loss": 1}\n\xff\xfe\n{"step": null}\n{"st')
    resume(run_folder, drawn_set)
    lines = [json.loads(line) for line in (run_folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2]


# Files that cannot be written


def test_a_folder_takes_one_training_at_a_time(tmp_path, drawn_set, run_folder):
    lock = RunLock(run_folder)
    lock.acquire()
    with pytest.raises(BaselineError, match="another training is writing there; wait for it"):
        resume(run_folder, drawn_set)
    lock.close()
    resume(run_folder, drawn_set)
    process = None
    new = RunLock(tmp_path / "new")
    new.acquire()
    process = run_command("train", "--data", drawn_set, "--preset", "ci", "--out", tmp_path / "new")
    assert process.returncode == 2 and len(process.stderr.splitlines()) == 1, process.stderr
    assert "another training is writing there" in process.stderr
    assert [p.name for p in (tmp_path / "new").iterdir()] == [".lock"]


def test_a_full_disk_keeps_the_last_checkpoint(finished_run, drawn_set, tmp_path):
    """The file of a state may not become as long as it has to be."""
    out = tmp_path / "run"
    arguments = ["--data", drawn_set, *train_options(steps=4, save_every=2), "--out", out]
    limit = (finished_run / "state-2.pt").stat().st_size - 1000
    process = run_command("train", *arguments, limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert process.returncode == 2 and len(process.stderr.splitlines()) == 1, process.stderr
    assert "the checkpoint of step 2 cannot be written" in process.stderr
    assert not [p.name for p in out.iterdir() if p.suffix in (".tmp", ".pt", ".safetensors")]


def test_the_last_checkpoint_is_whole_whatever_fails(run_folder, drawn_set, monkeypatch):
    (run_folder / "state-3.pt").mkdir()  # a file cannot replace a folder
    (run_folder / "state-3.pt/file").touch()
    info = read_info(run_folder / LAST)
    longer = CheckpointInfo(build_config("ci", TINY | {"steps": 4, "save_every": 1}), info.data, info.preset, info.step)
    weights = load_file(run_folder / LAST)
    save_file(weights, run_folder / LAST, {"dbram_baseline": longer.to_json()})
    before = (run_folder / LAST).read_bytes()
    with pytest.raises(BaselineError, match=r"the checkpoint of step 3 cannot be written.*--resume"):
        resume(run_folder, drawn_set)
    assert (run_folder / LAST).read_bytes() == before and (run_folder / "state-2.pt").is_file()
    assert not list(run_folder.glob(".*.tmp"))


@pytest.mark.parametrize("name", ["log.jsonl", "grids/step-0000002.png", "curves.png"])
def test_a_full_device_for_the_log(tmp_path, drawn_set, name):
    target = tmp_path / "run" / name
    target.parent.mkdir(parents=True)
    target.symlink_to("/dev/full")
    with pytest.raises(BaselineError, match=r"No space left on device; name an --out that can be written"):
        train(build_config("ci", TINY), str(drawn_set), "ci", tmp_path / "run")
    assert Path("/dev/full").is_char_device()


def test_impossible_outputs_are_refused_before_the_work(tmp_path, checkpoint):
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file/scores.json", Path("/proc/nowhere/scores.json")):
        for command, *more in ((score.command,), (ocr.command, "--reader", "rapidocr")):
            result = CliRunner().invoke(command, ["--data", "nowhere", "--out", str(out), *more])
            assert isinstance(result.exception, BaselineError) and str(out).split("/")[1] in str(result.exception)
            assert "--data" not in str(result.exception)
    with pytest.raises(BaselineError, match="file"):
        train(build_config("ci", TINY), "nowhere", "ci", tmp_path / "file")


def test_full_devices_for_results(tmp_path, drawn_set, checkpoint):
    result = CliRunner().invoke(score.command, ["--data", str(drawn_set), "--method", "otsu", "--out", "/dev/full"])
    assert isinstance(result.exception, BaselineError) and "/dev/full: No space left" in str(result.exception)
    assert Path("/dev/full").is_char_device()


def test_files_are_whole_or_what_they_were(tmp_path):
    path = tmp_path / "a.txt"
    write_file(path, b"first")
    with pytest.raises(ZeroDivisionError), temporary_file(path) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"first" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    (tmp_path / "link").symlink_to("a.txt")
    write_file(tmp_path / "link", b"second")
    assert path.read_bytes() == b"second" and (tmp_path / "link").is_symlink()


# Processes


def children(pid):
    """The processes that a process has started and that still run."""
    result = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            result.append(int(status.parent.name))
    return result


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_rendering_processes_end_with_their_parent(tmp_path):
    """Even if it is killed; and if one of them is, the parent ends with one line."""
    arguments = ["--data", "render:en", *train_options(steps=100_000, workers=2), "--out", str(tmp_path / "run")]
    line = [sys.executable, "-m", "dbram_baseline.train", *arguments]
    for killed in ("parent", "worker"):
        with subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
            log = tmp_path / "run/log.jsonl"
            wait_until(lambda path=log: path.exists() and path.stat().st_size > 0)
            family = children(process.pid)
            workers = [p for p in family if "spawn_main" in Path(f"/proc/{p}/cmdline").read_text()]
            assert len(workers) == 2
            os.kill(process.pid if killed == "parent" else workers[0], signal.SIGKILL)
            process.wait(20)
            wait_until(lambda pids=family: not any(Path(f"/proc/{p}/cmdline").exists() for p in pids), 10)
            if killed == "worker":
                message = process.stderr.read()
                assert process.returncode == 2 and len(message.splitlines()) == 1, message
                assert "a process that renders pairs ended" in message
        log.unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_render_of_reproduce_ends_with_it(tmp_path):
    """Even if it is killed: the render, which would go on for a while, and the processes that this has started."""
    arguments = ["--quick", "--table", "2", "--column", "sub_en", "--system", "all-white", "--device", "cpu"]
    line = [sys.executable, "-m", "dbram_baseline.reproduce", *arguments, "--out", str(tmp_path / "out")]
    env = os.environ | {"SUBSYNTH_KERNELS": "numpy"}  # others would be compiled first
    with subprocess.Popen(line, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: any(tmp_path.rglob(".subsynth-tmp")))
        family = [p for p in children(process.pid) if "--n-test" in Path(f"/proc/{p}/cmdline").read_text()]
        assert len(family) == 1
        family += children(family[0])
        process.kill()
        process.wait(20)
        wait_until(lambda: not any(Path(f"/proc/{p}/cmdline").exists() for p in family), 5)
    assert not list(tmp_path.rglob("manifest.json"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("moment", ["libtorch_cpu", "_imaging", "sent with the start of training"])
def test_ctrl_c_is_one_line_at_any_moment(tmp_path, moment, drawn_set):
    """Also while torch is imported: once this library is mapped."""
    arguments = ["--data", str(drawn_set), *train_options(steps=100_000), "--out", str(tmp_path / "run")]
    line = [sys.executable, "-m", "dbram_baseline.train", *arguments]
    with subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        maps, log = Path(f"/proc/{process.pid}/maps"), tmp_path / "run/log.jsonl"
        wait_until(lambda: moment in maps.read_text() or (" " in moment and log.exists() and log.stat().st_size > 0))
        process.send_signal(signal.SIGINT)
        message = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and len(message.splitlines()) == 1 and message.startswith("stopped"), message
    assert ("--resume continues" in message) == (" " in moment)


def test_scarce_memory_is_one_line(drawn_set):
    """There is a traceback only with SUBSYNTH_DEBUG."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))

    process = run_command("score", "--data", drawn_set, limit=limit)
    assert process.returncode == 2 and len(process.stderr.splitlines()) == 1, process.stderr
    assert process.stderr.startswith("score: error: ") and "memory" in process.stderr
    assert "Traceback" in run_command("score", "--data", drawn_set, limit=limit, SUBSYNTH_DEBUG="1").stderr


def test_a_killed_worker_is_an_error():
    source = Rendered("en", 100, 4, 0, RenderPool(1))
    source.batch(0, 2)
    for pid in children(os.getpid()):
        if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    with pytest.raises(BaselineError, match="a process that renders pairs ended"):
        for step in range(0, 500, 50):  # beyond what was rendered ahead
            source.batch(step, 2)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"cell": []}', '{"cell": {}, "data": 5}', "[" * 5000, "\0"])
def test_damaged_results_of_reproduce(tmp_path, text):
    store, cell = ResultStore(tmp_path), MissingCell("2", "sub_en", "otsu", "")
    (tmp_path / f"{cell.name}.json").write_text(text)
    with pytest.raises(BaselineError, match=r"not a result of this version.*remove it"):
        store.load_missing(cell)
