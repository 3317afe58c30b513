"""Bad input: one line that names the value, its source and the cure; exit code 2; nothing left behind."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from subsynth import MaterialError, Spec, SpecError
from subsynth.assets import backgrounds, corpus, fonts
from subsynth.data import font_catalogue


@pytest.fixture
def refused(run, tmp_path):
    def check(*args, names: tuple[str, ...], out: str = "set"):
        before = sorted(str(p) for p in tmp_path.rglob("*") if ".hf" not in p.parts)
        result = run("render", "--n", 3, "--out", out, *args)
        assert result.code == 2, (result.out, result.err)
        assert "Traceback" not in result.err
        assert len(result.err.strip().splitlines()) == 1, result.err
        for name in names:
            assert name in result.err, result.err
        assert before == sorted(str(p) for p in tmp_path.rglob("*") if ".hf" not in p.parts)

    return check


def spec_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sede: 1", ("spec.yaml", "sede", "seed")),
        ("degrade: {p_blurr: 1}", ("degrade.p_blurr", "p_blur")),
        ("seed: one", ("seed", "'one'", "whole number")),
        ("seed: true", ("seed", "True")),
        ("n_test: 0", ("n_test is 0",)),
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
        ("lang: fr", ("fr", "en or zh")),
        ("- a list", ("spec.yaml", "mapping")),
        ("a: [", ("spec.yaml", "YAML")),
        ("!!python/object/apply:os.system [exit]", ("spec.yaml", "YAML")),
        ("height: 32\nmargin_px: 14", ("margin_px is 14",)),
        ("text: {max_chars: 900}\nwidth: 20\nheight: 12", ("max_chars",)),
    ],
)
def test_specs(refused, tmp_path, text, names):
    refused("--spec", spec_file(tmp_path, text), names=names)


def test_flags(refused):
    refused("--n", 0, names=("n is 0",))
    refused("--n", -5, names=("-5",))
    refused("--n", "many", names=("many",))
    refused("--n-test", 0, names=("n_test is 0",))
    refused("--workers", 0, names=("workers is 0",))
    refused("--seed", -1, names=("seed is -1",))
    refused("--lang", "xx", names=("xx", "zh"))
    refused("--spec", "nowhere.yaml", names=("nowhere.yaml",))
    refused("--nope", names=("--nope",))


def test_unwritable_places(refused, run, tmp_path):
    (tmp_path / "file").write_text("x")
    refused(out="file", names=("file",))
    refused(out="file/set", names=("file",))
    refused(out="/proc/nowhere/set", names=("/proc/nowhere",))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_a_full_disk(small, tmp_path, monkeypatch):
    """Writing to the device that is always full gives the error of a full disk."""
    from subsynth import OutputError
    from subsynth.format import shards
    from subsynth.storage import paths

    shard = shards.shards(small)[0]
    (tmp_path / f"{shard.name}.{paths.unique()}").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left"):
        shards.write(small, shard, tmp_path, lambda _: None)
    assert not list(tmp_path.iterdir())


def test_corpora(refused, tmp_path):
    def text(content: bytes) -> Path:
        (tmp_path / "lines.txt").write_bytes(content)
        return spec_file(tmp_path, "text: {files: [lines.txt]}\nbackground: {p_procedural: 1}\n")

    good = b"".join(b"Line number %d, as good as any.\n" % i for i in range(60))
    for content, names in (
        (b"", ("lines.txt", "no line")),
        (b"\n \n\t\n", ("lines.txt", "no line")),
        ("你好".encode("gb18030"), ("lines.txt", "UTF-8", "iconv")),
        (good + b"nul \0 here\n", ("lines.txt", "line 61", "U+0000")),
        (good + "שלום\n".encode(), ("lines.txt", "line 61", "right to left")),
        (good + "Only 你好 here\n".encode(), ("lines.txt 61", "U+4F60", "text.uncovered")),
        (b"...\n?!\n", ("corpus",)),
    ):
        refused("--spec", text(content), names=names)
    refused("--spec", spec_file(tmp_path, "text: {files: [absent.txt]}"), names=("absent.txt",))


def test_fonts(refused, tmp_path):
    real = Path(font_catalogue.bundled("Arimo")[0].path).read_bytes()
    (tmp_path / "cut.ttf").write_bytes(real[: len(real) // 2])
    (tmp_path / "text.ttf").write_text("not a font")
    (tmp_path / "empty.otf").write_bytes(b"")
    for name in ("cut.ttf", "text.ttf", "empty.otf", "absent.ttf"):
        refused("--spec", spec_file(tmp_path, f"fonts: {{files: [{name}]}}"), names=(name, "fonts.files"))
    (tmp_path / "web.ttf").write_bytes(b"wOF2" + real)
    refused("--spec", spec_file(tmp_path, "fonts: {files: [web.ttf]}"), names=("web.ttf", "WOFF"))


def test_faces_of_a_collection(refused, tmp_path):
    from fontTools.ttLib import TTCollection, TTFont

    collection = TTCollection()
    collection.fonts = [TTFont(face.path) for face in font_catalogue.bundled("Arimo")]
    collection.save(tmp_path / "all.ttc")
    faces = fonts.own(str(tmp_path / "all.ttc"))
    assert [f.name for f in faces] == [f.name for f in font_catalogue.bundled("Arimo")]
    assert [(f.bold, f.italic) for f in faces] == [(f.bold, f.italic) for f in font_catalogue.bundled("Arimo")]
    one = fonts.own(str(tmp_path / "all.ttc#2"))
    assert [(f.name, f.number) for f in one] == [(faces[2].name, 2)]
    refused("--spec", spec_file(tmp_path, "fonts: {files: ['all.ttc#4']}"), names=("all.ttc#4", "4 faces"))


def test_a_font_that_covers_nothing(refused, tmp_path):
    arimo = font_catalogue.bundled("Arimo")[0].path
    refused(
        "--spec",
        spec_file(tmp_path, f"lang: zh\nfonts: {{files: ['{arimo}']}}"),
        names=("no font covers", "U+"),
    )
    text = f"lang: zh\nfonts: {{files: ['{arimo}']}}\ntext: {{uncovered: drop}}"
    refused("--spec", spec_file(tmp_path, text), names=("no font covers",))


def test_uncovered_lines_are_dropped_and_counted_if_asked(run, tmp_path):
    import json

    lines = [f"Line number {i}, as good as any." for i in range(80)] + ["Only 你好 here"]
    (tmp_path / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    spec = spec_file(tmp_path, "text: {files: [lines.txt], uncovered: drop}\nbackground: {p_procedural: 1}\n")
    assert run("render", "--spec", spec, "--n", 5, "--out", "set").code == 0
    assert sum(json.loads((tmp_path / "set/manifest.json").read_text())["lines_dropped"].values()) == 1


def test_pictures(refused, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    spec = spec_file(tmp_path, "background: {folders: [pictures]}")
    refused("--spec", spec, names=("background.folders", "two are needed"))
    for i in range(8):
        Image.fromarray(np.full((400, 700, 3), 20 * i, np.uint8)).save(folder / f"{i}.jpg")
    whole = (folder / "3.jpg").read_bytes()
    (folder / "3.jpg").write_bytes(whole[: len(whole) // 2])
    refused("--spec", spec, names=("3.jpg",))
    (folder / "3.jpg").write_bytes(b"")
    refused("--spec", spec, names=("3.jpg",))
    refused("--spec", spec_file(tmp_path, "background: {folders: [nowhere]}"), names=("nowhere",))


def test_own_pictures_of_many_kinds(tmp_path):
    grey = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    kinds = {"L": "png", "LA": "png", "RGBA": "png", "P": "png", "CMYK": "jpg", "1": "png", "RGB": "webp"}
    for mode, ending in kinds.items():
        Image.fromarray(grey).convert("RGB").convert(mode).save(tmp_path / f"{mode}.{ending}")
    (tmp_path / ".DS_Store").write_bytes(b"junk")
    pictures = backgrounds.own([str(tmp_path)])
    assert len(pictures) == len({p.sha256 for p in pictures}) == len(kinds)
    assert {p.test for p in pictures} == {True, False}
    for picture in pictures:
        assert backgrounds.load(picture).shape == (64, 64, 3)


def test_pictures_of_the_same_name_are_told_apart(tmp_path):
    for i in range(6):
        folder = tmp_path / str(i % 2)
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.full((40, 70, 3), 40 * i, np.uint8)).save(folder / f"{i // 2}.png")
    pictures = backgrounds.own([str(tmp_path / "0"), str(tmp_path / "1")])
    assert len({p.name for p in pictures}) == len(pictures) == 6


def test_renamed_pictures_have_their_new_names(tmp_path):
    for i in range(2):
        Image.fromarray(np.full((40, 70, 3), 90 * i, np.uint8)).save(tmp_path / f"old{i}.png")
    first = backgrounds.scenes(backgrounds.own([str(tmp_path)]), 64, 16)
    for i in range(2):
        (tmp_path / f"old{i}.png").rename(tmp_path / f"new{i}.png")
    second = backgrounds.scenes(backgrounds.own([str(tmp_path)]), 64, 16)
    assert [s.name.replace("old", "new") for s in first] == [s.name for s in second]


def test_sixteen_bits_are_refused(tmp_path):
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "b.png")
    deep = next(p for p in backgrounds.own([str(tmp_path)]) if p.name == "a.png")
    with pytest.raises(MaterialError, match="8-bit"):
        backgrounds.load(deep)


def test_subtitle_files(tmp_path):
    (tmp_path / "a.srt").write_text(
        "\ufeff1\n00:00:01,000 --> 00:00:02,000\n<i>Where are you?</i>\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\n- Here.\n1984\n",
        encoding="utf-8",
    )
    assert [t for _, _, t in corpus.own(str(tmp_path / "a.srt"))] == ["Where are you?", "- Here.", "1984"]
    (tmp_path / "b.ass").write_text(
        "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\i1}Well, well{\\i0}\\Nyes\n",
        encoding="utf-8",
    )
    assert [t for _, _, t in corpus.own(str(tmp_path / "b.ass"))] == ["Well, well", "yes"]


def test_bad_calls(small):
    from subsynth import pairs, plan

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
