"""The cache: whatever happens to it, samples stay the same, or there is one line that says what to do."""

import dataclasses
import hashlib
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from subsynth import OutputError, sub_zh
from subsynth.assets.assets import Assets
from subsynth.assets.preparation import PACK_FROM, prepare
from subsynth.core import cache
from subsynth.planning.planner import plan_recipes
from subsynth.rendering.render import Renderer


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """Chinese, with one face of each size of pack, a few lines and a few pictures."""
    folder, texts = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("texts")
    for number in range(4):
        Image.linear_gradient("L").rotate(90 * number).save(folder / f"{number}.png")
    lines = texts / "lines.txt"
    digits = "一二三四五六七八九"
    lines.write_text("\n".join(f"我们第{a}百{b}次见面" for a in digits for b in digits), encoding="utf-8")
    spec = sub_zh(n=40, n_test=5)
    return dataclasses.replace(
        spec,
        fonts=dataclasses.replace(spec.fonts, families=("Ma Shan Zheng", "Noto Sans SC"), unseen_families=()),
        text=dataclasses.replace(spec.text, files=(str(lines),)),
        background=dataclasses.replace(spec.background, folders=(str(folder),)),
    )


@pytest.fixture(scope="module")
def warm(tmp_path_factory, spec):
    """A filled cache, and the digest of what is drawn with it."""
    folder = tmp_path_factory.mktemp("warm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUBSYNTH_CACHE", str(folder))
        prepare(spec, PACK_FROM)
        return folder, digest(spec)


@pytest.fixture
def own_cache(tmp_path, warm, monkeypatch):
    """A copy of the filled cache, of this test alone."""
    folder = tmp_path / "cache"
    shutil.copytree(warm[0], folder, copy_function=shutil.copy2)
    monkeypatch.setenv("SUBSYNTH_CACHE", str(folder))
    return folder


def digest(spec):
    """A digest of some samples, drawn with assets that are opened now."""
    with cache.checking_again():
        result = hashlib.sha256()
        for split in ("train", "test"):
            renderer = Renderer(Assets.open(spec, split))
            for recipe in plan_recipes(renderer.assets, 0, 25):
                pair = renderer.render(recipe)
                result.update(pair.image.tobytes() + pair.ground_truth.tobytes())
        return result.hexdigest()


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in (cache.CHECKED, ".lock"))


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x41
    path.write_bytes(content)


DAMAGES = {
    "flipped": flip,
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: path.write_bytes(b""),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "removed": Path.unlink,
}
KINDS = (
    "glyphs.bin",
    "glyphs.bin.json",
    "pixels.u8",
    "sums.i64",
    "levels.json",
    "False.json",
    "False.npy",
    cache.INDEX,
)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_noticed_and_made_again(own_cache, warm, spec, caplog, damage, kind):
    path = next(p for p in files(own_cache) if p.name == kind)
    DAMAGES[damage](path)
    with caplog.at_level(logging.WARNING, "subsynth"):
        assert digest(spec) == warm[1]
    assert any("damaged" in r.getMessage() and str(path.parent) in r.getMessage() for r in caplog.records)
    caplog.clear()
    assert digest(spec) == warm[1] and not caplog.records


def test_an_intact_cache_is_not_hashed_twice(own_cache, spec, monkeypatch):
    digest(spec)  # the copies have other inodes than what was checked
    before = {p: p.stat().st_mtime_ns for p in own_cache.rglob(cache.CHECKED)}
    digest(spec)
    assert {p: p.stat().st_mtime_ns for p in own_cache.rglob(cache.CHECKED)} == before != {}


def test_decay_without_a_trace_is_found_by_a_full_check(own_cache, warm, spec, caplog):
    """A byte changes on disk with no change of times: seen at the latest after a day, and at once by `verify`."""
    digest(spec)
    path = next(p for p in files(own_cache) if p.name == "pixels.u8")
    flip(path)
    stamp = path.parent / cache.CHECKED
    cache.mark_checked(path.parent)  # as if the times had stayed
    assert stamp.exists()
    with caplog.at_level(logging.WARNING, "subsynth"), cache.checking_fully():
        assert digest(spec) == warm[1]
    assert any("has changed" in r.getMessage() for r in caplog.records)


def test_a_deleted_cache_is_filled_again(own_cache, warm, spec):
    renderer = Renderer(Assets.open(spec, "train"))
    shutil.rmtree(own_cache)
    recipe = plan_recipes(renderer.assets, 3, 4)[0]
    assert renderer.render(recipe).image.any()  # what is open stays open
    assert digest(spec) == warm[1]


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, spec):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match="SUBSYNTH_CACHE"):
        Assets.open(spec, "train")


@pytest.fixture
def read_only():
    """Make a folder read-only and return the start of a command line for which it is; it is writable again at the end.

    Root may write whatever the permissions say, unless it gives that capability up.
    """
    folders = []

    def make(folder):
        for path in (*folder.rglob("*"), folder):
            path.chmod(0o555 if path.is_dir() else 0o444)
            folders.append(path)
        prefix = []
        if os.access(folder, os.W_OK):
            if not shutil.which("setpriv"):
                pytest.skip("this user may write to read-only folders, and there is no setpriv to give that up")
            prefix = ["setpriv", "--bounding-set=-dac_override", "--"]
        probe = [*prefix, sys.executable, "-c", f"open({str(folder / 'probe')!r}, 'w')"]
        result = subprocess.run(probe, capture_output=True, text=True, check=False)
        if "PermissionError" not in result.stderr:
            pytest.skip(f"a folder cannot be made read-only for this user: {result.stderr.strip()[-200:]}")
        return prefix

    yield make
    for path in reversed(folders):
        path.chmod(0o755)


def render_with(cache_folder, spec, out, prefix=()):
    """Render a small set with a cache in a process of its own; the result of the process."""
    out.mkdir()
    (out / "spec.yaml").write_text(dataclasses.replace(spec, n=220, n_test=5).to_yaml())
    return subprocess.run(
        [*prefix, sys.executable, "-m", "subsynth", "render", "--spec", "spec.yaml", "--out", "set", "--workers", "1"],
        cwd=out, env=os.environ | {"SUBSYNTH_CACHE": str(cache_folder)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_a_prepared_cache_that_is_read_only_gives_the_same_bytes(tmp_path, own_cache, spec, read_only):
    writable = render_with(own_cache, spec, tmp_path / "writable")
    assert writable.returncode == 0, writable.stderr
    for stamp in own_cache.rglob(cache.CHECKED):
        stamp.unlink()  # so that the check would be recorded, if that could be
    before = {p: p.stat().st_mtime_ns for p in own_cache.rglob("*")}
    result = render_with(own_cache, spec, tmp_path / "read-only", read_only(own_cache))
    assert result.returncode == 0 and not result.stderr, result.stderr
    assert {p: p.stat().st_mtime_ns for p in own_cache.rglob("*")} == before
    shards = sorted((tmp_path / "writable/set/data").iterdir())
    assert len(shards) == len(spec.splits)
    for name in ("manifest.json", *(f"data/{shard.name}" for shard in shards)):
        assert (tmp_path / "read-only/set" / name).read_bytes() == (tmp_path / "writable/set" / name).read_bytes()


def test_an_unprepared_cache_that_is_read_only_is_one_line(tmp_path, spec, read_only):
    (tmp_path / "cache").mkdir()
    result = render_with(tmp_path / "cache", spec, tmp_path / "out", read_only(tmp_path / "cache"))
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1, result.stderr
    assert (
        "Permission denied" in result.stderr and "set SUBSYNTH_CACHE to a folder that can be written" in result.stderr
    )
    assert not (tmp_path / "out/set").exists()


def test_two_cold_starts_at_once(tmp_path, warm, spec):
    (tmp_path / "spec.yaml").write_text(spec.to_yaml())
    code = (
        "from subsynth import Spec; from subsynth.assets.preparation import prepare; "
        "from subsynth.assets.assets import Assets; s = Spec.load('spec.yaml'); prepare(s, 300); "
        "print(Assets.open(s, 'train').lines_dropped)"
    )
    env = os.environ | {"SUBSYNTH_CACHE": str(tmp_path / "cache")}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0 and out.strip() == b"0" and not err, err
    assert not list((tmp_path / "cache").rglob(".building-*"))


def test_what_the_dead_left_is_swept(own_cache, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    left = own_cache / "lines-2" / f".building-{os.uname().nodename}-{done.stdout.strip()}-x"
    left.mkdir(parents=True)
    cache.build_once("lines-2/anything", lambda folder: (folder / "a").write_text("a"))
    assert not left.exists()


def test_kernels_of_others_are_not_run(tmp_path):
    """numba's index is a pickle: it is read only from folders that nobody else can write to."""

    def run(code):
        env = os.environ | {"SUBSYNTH_CACHE": str(tmp_path), "SUBSYNTH_KERNELS": ""}
        return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)

    fake = (
        "import pathlib\nfrom subsynth.kernels import compilation as c\nfrom subsynth.core import cache\n"
        "name = c.cache_entry()\ncache.build_once(name, lambda f: (f / 'a.nbi').write_text('x'))\n"
        "folder = cache.cache_folder() / name\nfolder.chmod({mode})\nprint(c.description())"
    )
    safe = run(fake.format(mode="0o700"))
    assert safe.stdout.strip() == "numba" and not safe.stderr
    open_to_all = run(fake.format(mode="0o777"))
    assert open_to_all.stdout.strip() == "plain NumPy" and "somebody else could change" in open_to_all.stderr
