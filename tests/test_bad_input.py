"""Bad input: an error of one line that names the value, its source and the cure; exit code 2; no file is left."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from subsynth import MaterialError, OutputError, Spec, SpecError, pairs, plan
from subsynth.assets.assets import Assets
from subsynth.assets.backgrounds import picture_scenes
from subsynth.assets.fonts import read_font_file
from subsynth.assets.pictures import decode_picture, user_pictures
from subsynth.assets.user_text import read_text_file
from subsynth.data import font_catalogue
from subsynth.format.shard_list import list_shards
from subsynth.format.shards import write_shard
from subsynth.rendering.render import Renderer
from subsynth.storage import paths


@pytest.fixture
def assert_rejected(run, tmp_path):
    """Check that `subsynth render` ends with one line that contains all `words`, and leaves no file."""

    def files() -> list[str]:
        return sorted(str(path) for path in tmp_path.rglob("*") if ".hf" not in path.parts)

    def check(*args, words: tuple[str, ...], out: str = "set"):
        before = files()
        result = run("render", "--n", 3, "--out", out, *args)
        assert result.code == 2, (result.out, result.err)
        assert "Traceback" not in result.err
        assert len(result.err.strip().splitlines()) == 1, result.err
        for word in words:
            assert word in result.err, result.err
        assert files() == before

    return check


def spec_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sede: 1", ("spec.yaml", "sede", "seed")),
        ("degrade: {p_blurr: 1}", ("degrade.p_blurr", "p_blur")),
        ("seed: one", ("seed", "'one'", "whole number")),
        ("seed: true", ("seed", "True")),
        ("width: 1.5", ("width", "1.5")),
        ("fonts: [Arimo]", ("fonts", "mapping")),
        ("fonts: {families: [Ariel]}", ("Ariel", "Arimo")),
        ("fonts: {families: []}", ("fonts.families",)),
        ("fonts: {size_range: [20, 10]}", ("fonts.size_range", "[20.0, 10.0]")),
        ("degrade: {blur_sigma_range: [.nan, 1]}", ("blur_sigma_range", "nan")),
        ("degrade: {p_noise: 1.5}", ("degrade.p_noise is 1.5",)),
        ("fill: {colors: {puce: 1}}", ("puce", "white")),
        ("style: {kinds: {box: 0}}", ("style.kinds",)),
        ("text: {sources: {movies: 1}}", ("movies", "tatoeba")),
        ("lang: xx", ("xx", "one of en, zh")),
        ("- a list", ("spec.yaml", "mapping")),
        ("a: [", ("spec.yaml", "YAML")),
        ("!!python/object/apply:os.system [exit]", ("spec.yaml", "YAML")),
        ("height: 32\nmargin_px: 14", ("margin_px is 14",)),
        ("text: {max_chars: 900}\nwidth: 20\nheight: 12", ("max_chars",)),
    ],
)
def test_bad_specs(assert_rejected, tmp_path, text, words):
    assert_rejected("--spec", spec_file(tmp_path, text), words=words)


def test_bad_options(assert_rejected):
    assert_rejected("--n", 0, words=("n is 0",))
    assert_rejected("--n", -5, words=("-5",))
    assert_rejected("--n", "many", words=("many",))
    assert_rejected("--n-test", 0, words=("--n-test is 0",))
    assert_rejected("--workers", 0, words=("workers is 0",))
    assert_rejected("--seed", -1, words=("seed is -1",))
    assert_rejected("--lang", "xx", words=("xx", "zh"))
    assert_rejected("--spec", "nowhere.yaml", words=("nowhere.yaml",))
    assert_rejected("--nope", words=("--nope",))


def test_outputs_that_cannot_be_written(assert_rejected, run, tmp_path):
    (tmp_path / "file").write_text("x")
    assert_rejected(out="file", words=("file",))
    assert_rejected(out="file/set", words=("file",))
    assert_rejected(out="/proc/nowhere/set", words=("/proc/nowhere",))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_a_full_disk(small, tmp_path):
    """/dev/full gives the error of a full disk for everything that is written to it."""
    shard = list_shards(small)[0]
    (tmp_path / f"{shard.name}.{paths.unique_suffix()}").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left"):
        write_shard(Renderer(Assets.open(small, shard.split)), shard, tmp_path)
    assert not list(tmp_path.iterdir())


def test_bad_text_files(assert_rejected, tmp_path):
    def spec_of(content: bytes) -> Path:
        (tmp_path / "lines.txt").write_bytes(content)
        return spec_file(tmp_path, "text: {files: [lines.txt]}\nbackground: {p_procedural: 1}\n")

    good = b"".join(b"Line number %d of the file.\n" % i for i in range(60))
    for content, words in (
        (b"", ("lines.txt", "no line")),
        (b"\n \n\t\n", ("lines.txt", "no line")),
        ("你好".encode("gb18030"), ("lines.txt", "UTF-8", "iconv")),
        (good + b"nul \0 here\n", ("lines.txt", "line 61", "U+0000")),
        (good + "שלום\n".encode(), ("lines.txt 61", "U+05E9", "text.uncovered")),
        (good + "Only שלום here\n".encode(), ("lines.txt 61", "right to left", "text.uncovered")),
        (good + "Only 你好 here\n".encode(), ("lines.txt 61", "U+4F60", "text.uncovered")),
        (b"...\n?!\n", ("corpus",)),
    ):
        assert_rejected("--spec", spec_of(content), words=words)
    assert_rejected("--spec", spec_file(tmp_path, "text: {files: [absent.txt]}"), words=("absent.txt",))


def test_bad_fonts(assert_rejected, tmp_path):
    real = Path(font_catalogue.bundled("Arimo")[0].path).read_bytes()
    (tmp_path / "cut.ttf").write_bytes(real[: len(real) // 2])
    (tmp_path / "text.ttf").write_text("not a font")
    (tmp_path / "empty.otf").write_bytes(b"")
    for name in ("cut.ttf", "text.ttf", "empty.otf", "absent.ttf"):
        assert_rejected("--spec", spec_file(tmp_path, f"fonts: {{files: [{name}]}}"), words=(name, "fonts.files"))
    (tmp_path / "web.ttf").write_bytes(b"wOF2" + real)
    assert_rejected("--spec", spec_file(tmp_path, "fonts: {files: [web.ttf]}"), words=("web.ttf", "WOFF"))


def test_faces_of_a_collection(assert_rejected, tmp_path):
    from fontTools.ttLib import TTCollection, TTFont

    collection = TTCollection()
    collection.fonts = [TTFont(face.path) for face in font_catalogue.bundled("Arimo")]
    collection.save(tmp_path / "all.ttc")
    faces = read_font_file(str(tmp_path / "all.ttc"))
    assert [f.name for f in faces] == [f.name for f in font_catalogue.bundled("Arimo")]
    assert [(f.bold, f.italic) for f in faces] == [(f.bold, f.italic) for f in font_catalogue.bundled("Arimo")]
    one = read_font_file(str(tmp_path / "all.ttc#2"))
    assert [(f.name, f.number) for f in one] == [(faces[2].name, 2)]
    assert_rejected("--spec", spec_file(tmp_path, "fonts: {files: ['all.ttc#4']}"), words=("all.ttc#4", "4 faces"))


def test_a_font_that_covers_no_line(assert_rejected, tmp_path):
    arimo = font_catalogue.bundled("Arimo")[0].path
    assert_rejected(
        "--spec",
        spec_file(tmp_path, f"lang: zh\nfonts: {{files: ['{arimo}']}}"),
        words=("no font covers", "U+"),
    )
    text = f"lang: zh\nfonts: {{files: ['{arimo}']}}\ntext: {{uncovered: drop}}"
    assert_rejected("--spec", spec_file(tmp_path, text), words=("no font covers",))


def test_uncovered_lines_are_dropped_and_counted_on_request(run, tmp_path):
    lines = [f"Line number {i} of the file." for i in range(80)] + ["Only 你好 here"]
    (tmp_path / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    spec = spec_file(tmp_path, "text: {files: [lines.txt], uncovered: drop}\nbackground: {p_procedural: 1}\n")
    assert run("render", "--spec", spec, "--n", 5, "--out", "set").code == 0
    assert sum(json.loads((tmp_path / "set/manifest.json").read_text())["lines_dropped"].values()) == 1


def test_bad_pictures(assert_rejected, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    spec = spec_file(tmp_path, "background: {folders: [pictures]}")
    assert_rejected("--spec", spec, words=("background.folders", "two are needed"))
    for i in range(8):
        Image.fromarray(np.full((400, 700, 3), 20 * i, np.uint8)).save(folder / f"{i}.jpg")
    content = (folder / "3.jpg").read_bytes()
    (folder / "3.jpg").write_bytes(content[: len(content) // 2])
    assert_rejected("--spec", spec, words=("3.jpg",))
    (folder / "3.jpg").write_bytes(b"")
    assert_rejected("--spec", spec, words=("3.jpg",))
    assert_rejected("--spec", spec_file(tmp_path, "background: {folders: [nowhere]}"), words=("nowhere",))


def test_pictures_of_every_mode(tmp_path):
    grey = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    suffixes = {"L": "png", "LA": "png", "RGBA": "png", "P": "png", "CMYK": "jpg", "1": "png", "RGB": "webp"}
    for mode, suffix in suffixes.items():
        Image.fromarray(grey).convert("RGB").convert(mode).save(tmp_path / f"{mode}.{suffix}")
    (tmp_path / ".DS_Store").write_bytes(b"junk")
    pictures = user_pictures([str(tmp_path)])
    assert len(pictures) == len({p.sha256 for p in pictures}) == len(suffixes)
    assert {p.test for p in pictures} == {True, False}
    for picture in pictures:
        assert decode_picture(picture).shape == (64, 64, 3)


def test_pictures_of_the_same_name_get_different_names(tmp_path):
    for i in range(6):
        folder = tmp_path / str(i % 2)
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.full((40, 70, 3), 40 * i, np.uint8)).save(folder / f"{i // 2}.png")
    pictures = user_pictures([str(tmp_path / "0"), str(tmp_path / "1")])
    assert len({p.name for p in pictures}) == len(pictures) == 6


def test_renamed_pictures_appear_under_their_new_names(tmp_path):
    for i in range(2):
        Image.fromarray(np.full((40, 70, 3), 90 * i, np.uint8)).save(tmp_path / f"old{i}.png")
    first = picture_scenes(user_pictures([str(tmp_path)]), 64, 16)
    for i in range(2):
        (tmp_path / f"old{i}.png").rename(tmp_path / f"new{i}.png")
    second = picture_scenes(user_pictures([str(tmp_path)]), 64, 16)
    assert [s.name.replace("old", "new") for s in first] == [s.name for s in second]


def test_pictures_with_16_bits_are_rejected(tmp_path):
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "b.png")
    deep = next(p for p in user_pictures([str(tmp_path)]) if p.name == "a.png")
    with pytest.raises(MaterialError, match="8-bit"):
        decode_picture(deep)


def test_subtitle_files(tmp_path):
    (tmp_path / "a.srt").write_text(
        "\ufeff1\n00:00:01,000 --> 00:00:02,000\n<i>Where are you?</i>\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\n- Here.\n1984\n",
        encoding="utf-8",
    )
    assert [t for _, _, t in read_text_file(str(tmp_path / "a.srt"))] == ["Where are you?", "- Here.", "1984"]
    (tmp_path / "b.ass").write_text(
        "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\i1}Well, well{\\i0}\\Nyes\n",
        encoding="utf-8",
    )
    assert [t for _, _, t in read_text_file(str(tmp_path / "b.ass"))] == ["Well, well", "yes"]


def test_bad_calls(small):
    with pytest.raises(SpecError, match="split 'dev'"):
        next(pairs(small, "dev"))
    with pytest.raises(SpecError, match=r"range 5\.\.3"):
        plan(small, "train", 5, 3)
    with pytest.raises(SpecError, match="range"):
        plan(small, "train", 0, 2**70)
    with pytest.raises(SpecError, match="seed"):
        Spec(seed=-1)
    with pytest.raises(SpecError, match="whole number"):
        Spec(n="5")
