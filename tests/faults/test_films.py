"""Films that cannot be used: one line with the file, the reason and the cure, exit code 2, and no file is left."""

import logging
import os
import wave

import pyarrow.parquet as pq
import pytest
from clips import BLACK, empty_cache, write_clip  # noqa: F401 - a fixture

from subsynth import MaterialError
from subsynth.assets import film_frames
from subsynth.assets.pictures import bundled_pictures
from subsynth.assets.videos import divide_frames, user_films

pytestmark = pytest.mark.usefixtures("empty_cache")


def sound(path):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))


def truncated(path, share, codec="MJPG", suffix=".avi"):
    whole = write_clip(path.with_name(f"whole{suffix}"), range(200, 220), codec=codec)
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    whole.unlink()


MAKERS = {
    "nowhere": (lambda path: None, "No such file"),
    "folder": (lambda path: path.mkdir(), "irectory"),
    "fifo": (os.mkfifo, "FIFO"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "device"),
    "empty.mp4": (lambda path: path.touch(), "not a video"),
    "text.mkv": (lambda path: path.write_text("no film\n" * 1000), "not a video"),
    "list.m3u8": (lambda path: path.write_text("ffconcat version 1.0\nfile a.ts\n"), "not a video"),
    "sound.wav": (sound, "audio only"),
    "black.avi": (lambda path: write_clip(path, [BLACK] * 5), "0 usable frames"),
    "still.avi": (lambda path: write_clip(path, [7] * 5), "1 usable frames"),
    "headless.mp4": (lambda path: truncated(path, 0.5, "mp4v", ".mp4"), "not a video"),
    "start.avi": (lambda path: truncated(path, 0.0142), "none of its frames"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_unusable_films_are_rejected_in_one_line(name, tmp_path, capfd):
    make, reason = MAKERS[name]
    make(tmp_path / name)
    with pytest.raises(MaterialError) as caught:
        divide_frames(user_films([str(tmp_path / name)]), 64, 16)
    message = str(caught.value)
    assert name in message or name == "device"
    assert reason in message and "; " in message and "\n" not in message
    assert capfd.readouterr() == ("", "")  # OpenCV and ffmpeg write nothing


@pytest.mark.parametrize("name", ["nowhere", "fifo", "text.mkv", "sound.wav", "black.avi", "headless.mp4", "start.avi"])
def test_the_command_line_ends_with_one_line_and_leaves_no_file(name, run, tmp_path):
    MAKERS[name][0](tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    result = run("render", "--n", 3, "--out", "set", "--video", name)
    assert result.code == 2 and len(result.err.strip().splitlines()) == 1, result.err
    assert name in result.err and MAKERS[name][1] in result.err
    assert [path for path in sorted(tmp_path.rglob("*")) if ".hf" not in path.parts] == before


def test_where_films_leave_no_test_frames_the_test_splits_have_photographs(run, tmp_path):
    """Two copies of a film show the same shots: there is one line about it, and no frame of them is in test."""
    for name in ("a.avi", "b.mkv"):
        write_clip(tmp_path / name, range(8))
    result = run("render", "--n", 6, "--n-test", 4, "--out", "set", "--video", "a.avi", "--video", "b.mkv")
    assert result.code == 0 and len(result.err.strip().splitlines()) == 1, result.err
    assert "the test splits have the bundled photographs" in result.err
    scenes = {}
    for path in sorted((tmp_path / "set/data").glob("*.parquet")):
        names = pq.read_table(path, columns=["background"]).column("background").to_pylist()
        scenes[path.name.split("-")[0]] = {name for name in names if not name.startswith("procedural")}
    bundled = {picture.name for picture in bundled_pictures() if picture.test}
    assert scenes["train"] and all(name.startswith(("a.avi@", "b.mkv@")) for name in scenes.pop("train"))
    assert set().union(*scenes.values()) <= bundled
    assert run("verify", "set", "--trust-paths").code == 0


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_the_readable_part_of_a_truncated_film_is_used(suffix, tmp_path, caplog, capfd):
    path = tmp_path / f"a{suffix}"
    truncated(path, 0.6, suffix=suffix)
    with caplog.at_level(logging.WARNING, "subsynth"):
        frames = divide_frames(user_films([str(path)]), 64, 16)
    assert {frame.test for frame in frames} == {True, False}
    (record,) = caplog.records
    assert "can be read" in record.getMessage() and path.name in record.getMessage()
    assert capfd.readouterr().err == ""


def test_a_film_that_fails_leaves_nothing_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path / "cache"))
    (film,) = user_films([str(write_clip(tmp_path / "a.avi", [BLACK] * 4))])
    with pytest.raises(MaterialError):
        film_frames.prepare_film(film, 64, 16)
    assert not list((tmp_path / "cache" / film_frames.PACK).iterdir())


def test_a_name_that_is_not_utf_8(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.avi"
    os.rename(write_clip(tmp_path / "a.avi", range(8)), path)  # noqa: PTH104 - a name of bytes
    with pytest.raises(MaterialError, match="rename"):
        divide_frames(user_films([os.fsdecode(path)]), 64, 16)
