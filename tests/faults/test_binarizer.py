"""Pictures and films that cannot be binarized, and machines where something is missing: one line, whole files only."""

import io
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from clips import BLACK, write_clip
from PIL import Image

from subsynth import Binarizer, MaterialError, pairs, sub_en
from subsynth.binarization.pictures import read_picture

WORKS = ["16-bit grey", "palette", "CMYK", "1-bit", "grey and alpha", "transparent", "rotated", "1 x 1", "webp"]


@pytest.fixture(scope="module")
def strip():
    return next(iter(pairs(sub_en(n=10, n_test=10), "test", 0, 1))).image


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def content_of(name, strip):
    picture = Image.fromarray(strip)
    grey = picture.convert("L")
    if name == "16-bit grey":
        return encoded(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG")
    if name == "palette":
        return encoded(picture.convert("P", palette=Image.Palette.ADAPTIVE), "GIF")
    if name == "CMYK":
        return encoded(picture.convert("CMYK"), "JPEG", quality=95)
    if name == "1-bit":
        return encoded(grey.convert("1"), "PNG")
    if name == "grey and alpha":
        grey.putalpha(Image.new("L", grey.size, 200))
        return encoded(grey, "PNG")
    if name == "transparent":
        picture.putalpha(grey)
        return encoded(picture, "PNG")
    if name == "rotated":
        exif = Image.Exif()
        exif[0x0112] = 6
        return encoded(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
    if name == "1 x 1":
        return encoded(picture.crop((0, 0, 1, 1)), "PNG")
    return encoded(picture, "WEBP", lossless=True)


@pytest.mark.parametrize("name", WORKS)
def test_pictures_of_any_kind_are_read(name, strip, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(content_of(name, strip))
    picture = read_picture(path)
    assert picture.dtype == np.uint8 and picture.shape == ((1, 1, 3) if name == "1 x 1" else strip.shape)
    if name not in ("1 x 1", "transparent", "1-bit"):
        grey = np.asarray(Image.fromarray(strip).convert("L")).astype(int)
        found = np.asarray(Image.fromarray(picture).convert("L")).astype(int)
        # Of what is a fifth transparent, a fifth is white or black instead.
        assert np.abs(found - grey).mean() < (60 if name == "grey and alpha" else 6)
        assert np.corrcoef(found.ravel(), grey.ravel())[0, 1] > 0.97
    Binarizer().binarize(picture)


def animated():
    return encoded(Image.new("RGB", (40, 20)), "GIF", save_all=True, append_images=[Image.new("RGB", (40, 20), "red")])


BROKEN = {
    "empty": (b"", "empty"),
    "text": (b"no picture\n" * 100, "format is not known"),
    "cut off": (None, "cannot be read"),
    "animated": (animated(), "2 frames"),
    "32-bit": (encoded(Image.fromarray(np.ones((20, 40), np.float32)), "TIFF"), "32 bits"),
}


def broken_content(name, strip):
    content = BROKEN[name][0]
    return encoded(Image.fromarray(strip), "PNG")[:400] if content is None else content


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pictures_are_named(name, strip, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(broken_content(name, strip))
    with pytest.raises(MaterialError, match=BROKEN[name][1]) as error:
        read_picture(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_photograph_with_a_second_view_is_no_animation(strip, tmp_path):
    """Many cameras write a JPEG file with a preview, which Pillow calls MPO."""
    picture = Image.fromarray(strip)
    picture.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[picture.resize((140, 16))], quality=95)
    assert read_picture(tmp_path / "a.jpg").shape == strip.shape


def test_names_of_files_do_not_matter(run, strip, tmp_path):
    folder = tmp_path / "n"
    folder.mkdir()
    (folder / "broken.png").symlink_to("nowhere")
    Image.fromarray(strip).save(folder / "ok.png")
    (folder / os.fsdecode(b"\xff.png")).write_bytes((folder / "ok.png").read_bytes())
    result = run("binarize", ".", "--output", "boxes", cwd=folder)
    assert result.code == 1 and "broken.png" in result.err, result.err
    assert len((tmp_path / "n-bw/boxes.jsonl").read_text().splitlines()) == 2


def test_films_that_opencv_must_not_open(run, tmp_path):
    bad = tmp_path / os.fsdecode(b"bad\xff.mkv")
    write_clip(tmp_path / "a.avi", range(2)).rename(bad)
    os.mkfifo(tmp_path / "fifo.mkv")
    for name, words in ((bad.name, "not UTF-8"), ("fifo.mkv", "FIFO")):
        result = run("binarize", name, "--out", "film")
        assert result.code == 2 and words in result.err and len(result.err.splitlines()) == 1, result.err
    bad.rename(tmp_path / "Part: 2.avi")
    assert run("binarize", "Part: 2.avi", "--out", "film").code == 0


def test_the_rest_of_a_folder_is_done(run, strip, tmp_path):
    (tmp_path / "in").mkdir()
    for name in BROKEN:
        (tmp_path / f"in/{name}.png").write_bytes(broken_content(name, strip))
    Image.fromarray(strip).save(tmp_path / "in/good.png")
    Image.fromarray(strip[:20]).save(tmp_path / "in/zgood.jpg")
    result = run("binarize", "in", "--out", "out")
    assert result.code == 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["good.png", "zgood.png"]
    assert len(result.err.splitlines()) == len(BROKEN) and all(f"{name}.png" in result.err for name in BROKEN)
    assert f"wrote 2 pictures to out; {len(BROKEN)} could not be read" in result.out


def test_errors_are_one_line(run, strip, tmp_path):
    Image.fromarray(strip).save(tmp_path / "good.png")
    (tmp_path / "good").mkdir()
    Image.fromarray(strip).save(tmp_path / "good/a.png")
    Image.fromarray(strip).save(tmp_path / "good/a.jpg")
    (tmp_path / "none").mkdir()
    (tmp_path / "broken.png").write_bytes(b"x")
    (tmp_path / "text.mkv").write_text("no film" * 100)
    (tmp_path / "cut.avi").write_bytes(write_clip(tmp_path / "whole.avi", [BLACK, 1]).read_bytes()[:100])
    before = sorted(p.name for p in tmp_path.iterdir())
    for arguments, words in (
        (["nothing.png"], "no such file"),
        (["broken.png"], "format is not known"),
        (["good"], "would both be written to a.png"),
        (["none"], "no pictures"),
        (["text.mkv"], "not a video"),
        (["cut.avi"], "not a video"),
        (["good.png", "--out", "x.jpg"], "name a .png file"),
        (["good.png", "--out", "/proc/x.png"], "/proc/x.png"),
        (["good.png", "--out", "good.png"], "is the source itself"),
        (["whole.avi", "--out", "whole.avi"], "is the source itself"),
        (["whole.avi", "--out", "good"], "not an empty folder"),
        (["good", "--out", "good"], "is the folder of the pictures"),
        (["good.png", "--read"], "--read is for films"),
        (["whole.avi", "--out", "x.srt"], "add --read"),
        (["good.png", "--model", "broken.png"], "model broken.png"),
        (["good.png", "--model", "no.onnx"], "no such file"),
    ):
        result = run("binarize", *arguments)
        assert result.code == 2 and len(result.err.splitlines()) == 1 and words in result.err, (arguments, result.err)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_film_without_subtitles(run, tmp_path):
    write_clip(tmp_path / "a.avi", range(3))
    result = run("binarize", "a.avi", "--out", "film")
    assert result.code == 0 and "wrote 0 subtitles" in result.out, result.err
    assert (tmp_path / "film/film.tsv").read_text() == "begin\tend\tfile\tbox\tconfidence\n"


def test_without_onnxruntime(strip, tmp_path):
    Image.fromarray(strip).save(tmp_path / "good.png")
    code = (
        "import sys; sys.modules['onnxruntime'] = None; sys.argv = ['subsynth', 'binarize', 'good.png']; "
        "from subsynth.cli.main import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1
    assert "onnxruntime is not installed" in result.stderr and "pip install" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.png"]


def test_binarizing_needs_no_torch(strip, tmp_path):
    Image.fromarray(strip).save(tmp_path / "good.png")
    code = (
        "import sys; sys.modules['torch'] = None; sys.argv = ['subsynth', 'binarize', 'good.png']; "
        "from subsynth.cli.main import main; main()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "good-bw.png").exists()


def test_a_full_disk_leaves_whole_files_only(strip, tmp_path):
    """The limit of file sizes stands for the end of the disk: writing fails in the middle of a file."""
    (tmp_path / "in").mkdir()
    Image.fromarray(strip[:4, :4]).save(tmp_path / "in/a.png")
    noise = np.random.default_rng(0).integers(0, 256, (400, 900, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "in/b.png")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))

    result = subprocess.run(
        [sys.executable, "-m", "subsynth", "binarize", "in", "--out", "out", "--output", "flat"],
        cwd=tmp_path, env=os.environ, preexec_fn=limit, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1 and "b.png" in result.stderr
    assert "free some space" in result.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.png"]


def test_ctrl_c_leaves_whole_files_only(strip, tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(300):
        Image.fromarray(np.tile(strip, (4, 2, 1))).save(tmp_path / f"in/{i:03}.png")
    process = subprocess.Popen(
        [sys.executable, "-m", "subsynth", "binarize", "in", "--out", "out"], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped" in errors
    written = list((tmp_path / "out").iterdir())
    assert written and len(written) < 300
    for path in written:
        with Image.open(path) as image:
            image.load()
            assert path.suffix == ".png" and image.size == (560, 128)
