"""Whatever a file contains, it is used or rejected with one usable message: no other exception, no endless loop.

FUZZ=20 pytest tests/properties/test_fuzz.py    tries twenty times as many examples
"""

import dataclasses
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import yaml
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.TupleVariation import TupleVariation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from subsynth import MaterialError, Spec, SubsynthError, pairs, sub_en
from subsynth.assets.assets import Assets
from subsynth.assets.fonts import read_font_file
from subsynth.assets.glyphs import open_face
from subsynth.assets.line_cutting import cut
from subsynth.assets.pictures import Picture, decode_picture
from subsynth.assets.user_text import read_text_file
from subsynth.data import font_catalogue

SCALE = int(os.environ.get("FUZZ", "1"))
MANY = settings(max_examples=300 * SCALE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW = settings(max_examples=40 * SCALE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ARIMO = font_catalogue.bundled("Arimo")[0].path


def usable(message: str) -> bool:
    """One line that says something."""
    return len(message) > 15 and "\n" not in message.strip()


# Specs

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KNOWN = yaml.safe_load(sub_en().to_yaml())
PATHS = [(k,) for k in KNOWN] + [(k, inner) for k, part in KNOWN.items() if isinstance(part, dict) for inner in part]


@MANY
@given(st.lists(st.tuples(st.sampled_from(PATHS), JUNK), min_size=1, max_size=4))
def test_specs_with_any_values(changes):
    raw = yaml.safe_load(sub_en(n=3).to_yaml())
    for path, value in changes:
        part = raw
        for key in path[:-1]:
            part = part[key] if isinstance(part.get(key), dict) else part.setdefault(f"{key}_", {})
        part[path[-1]] = value
    try:
        spec = Spec.from_yaml(yaml.safe_dump(raw, allow_unicode=True), "spec.yaml")
    except SubsynthError as error:
        assert usable(str(error)) and "spec.yaml" in str(error)
    else:
        assert Spec.from_yaml(spec.to_yaml(), "again") == spec


@MANY
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_specs_of_any_text(text):
    try:
        Spec.from_yaml(text, "spec.yaml")
    except SubsynthError as error:
        assert usable(str(error))


@FEW
@given(
    st.lists(st.tuples(st.sampled_from([p for p in PATHS if len(p) == 2]), st.floats(0, 40)), min_size=1, max_size=3)
)
def test_accepted_specs_can_be_drawn(changes):
    raw = yaml.safe_load(sub_en(n=3).to_yaml())
    raw["background"]["p_procedural"] = 1.0
    for (section, key), value in changes:
        default = raw[section][key]
        if isinstance(default, list) and len(default) == 2 and all(isinstance(v, int | float) for v in default):
            raw[section][key] = sorted([type(default[0])(value), default[1]])
        elif isinstance(default, int | float) and key != "p_procedural":
            raw[section][key] = type(default)(value)
    try:
        for split in ("train", "test_hard"):
            for pair in pairs(Spec.from_yaml(yaml.safe_dump(raw), "spec.yaml"), split, 0, 2):
                assert pair.image.shape == (*pair.ground_truth.shape, 3)
    except SubsynthError as error:
        assert usable(str(error))


# Corpora

ODD = [
    "\0",
    "\x07",
    "\ufeff",
    "שלום",
    "e\u0301\u0327",
    "👍🏽",
    "\u200d",
    "a" * 10_000,
    " " * 50,
    "\t",
    "你好，世界。",
    "ﬁ",
    "\u2028",
]


def draw_lines_of(text_file, **text) -> None:
    spec = dataclasses.replace(
        sub_en(n=4, n_test=1),
        text=dataclasses.replace(sub_en().text, files=(str(text_file),), **text),
        background=dataclasses.replace(sub_en().background, p_procedural=1.0),
    )
    for pair in pairs(spec, "train"):
        assert (pair.ground_truth == 0).any()


@MANY
@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from(ODD) | st.text(max_size=30), max_size=8).map(lambda parts: "\n".join(parts).encode()),
    st.sampled_from([".txt", ".srt", ".vtt", ".ass", ".sub"]),
)
def test_corpora_of_any_content(tmp_path, content, suffix):
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    try:
        rows = list(read_text_file(str(path)))
    except MaterialError as error:
        assert usable(str(error)) and str(path) in str(error)
    else:
        assert rows and all(text.strip() == text and text for _, _, text in rows)
        for _, _, text in rows:
            assert all(len(piece) <= 36 for piece in cut(text, "en", 36))


@pytest.mark.parametrize("odd", ODD, ids=lambda s: ascii(s[:8]))
@pytest.mark.parametrize("uncovered", ["error", "drop"])
def test_odd_text_is_drawn_or_rejected(tmp_path, odd, uncovered):
    path = tmp_path / "odd.txt"
    path.write_text("\n".join([*(f"line {i} of many" for i in range(40)), f"here {odd} there"]), encoding="utf-8")
    try:
        draw_lines_of(path, uncovered=uncovered)
    except MaterialError as error:
        assert usable(str(error)) and "odd.txt" in str(error)


# Pictures


def picture(mode: str = "RGB", size: tuple[int, int] = (64, 48), kind: str = "PNG", **options) -> bytes:
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    image = Image.fromarray(((x * 5 + y * 3) % 256).astype(np.uint8)).convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def bomb() -> bytes:
    """A PNG whose header claims 60,000 x 60,000 px."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def decode(tmp_path, content: bytes, suffix: str = ".png"):
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(content)
    return decode_picture(Picture(path.name, str(path), "", test=False))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_pictures_with_damage(tmp_path, kind):
    intact = picture(kind=kind)

    @MANY
    @given(
        st.lists(st.tuples(st.integers(0, len(intact) - 1), st.integers(0, 255)), max_size=6),
        st.integers(1, len(intact)),
    )
    def check(changes, length):
        content = bytearray(intact[:length])
        for at, value in changes:
            if at < length:
                content[at] = value
        try:
            image = decode(tmp_path, bytes(content), f".{kind.lower()}")
        except MaterialError as error:
            assert usable(str(error)) and "picture" in str(error)
        else:
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3

    check()


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (picture("CMYK", kind="JPEG"), ".jpg"),
        (picture("LA"), ".png"),
        (picture("1"), ".png"),
        (picture("P"), ".png"),
        (picture("RGBA"), ".png"),
        (picture(size=(1, 1)), ".png"),
        (picture(size=(3000, 1)), ".png"),
        (picture(kind="WEBP", save_all=True, append_images=[Image.new("RGB", (64, 48))]), ".webp"),
    ],
    ids=["cmyk", "grey-alpha", "bilevel", "palette", "alpha", "1x1", "3000x1", "animated"],
)
def test_pictures_of_other_modes_are_rgb(tmp_path, content, suffix):
    image = decode(tmp_path, content, suffix)
    assert image.dtype == np.uint8 and image.shape[2] == 3


def test_pictures_are_turned_upright_by_their_exif_data(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(tmp_path, picture(kind="JPEG", exif=exif), ".jpg").shape == (64, 48, 3)


def test_a_decompression_bomb_is_rejected(tmp_path):
    with pytest.raises(MaterialError, match=r"bomb|pixels"):
        decode(tmp_path, bomb())


# Fonts


def build_font(
    units: int = 1000, reach: int = 600, cmap: bool = True, bearing: int = 40, variable: bool = False
) -> bytes:
    """A font of one rectangle for each letter, a little wider from letter to letter."""
    letters = [chr(c) for c in range(97, 123)]
    names = [".notdef", "space", *letters]

    def rectangle(width):
        pen = TTGlyphPen(None)
        pen.moveTo((bearing, 0))
        for x, y in ((bearing, reach), (bearing + width, reach), (bearing + width, 0)):
            pen.lineTo((x, y))
        pen.closePath()
        return pen.glyph()

    blank = TTGlyphPen(None).glyph()
    font = FontBuilder(units, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({ord(n): n for n in letters} | {32: "space"} if cmap else {})
    font.setupGlyf({n: rectangle(reach + letters.index(n)) if n in letters else blank for n in names})
    font.setupHorizontalMetrics(dict.fromkeys(names, (units // 2, bearing)))
    font.setupHorizontalHeader(ascent=units * 4 // 5, descent=-units // 5)
    font.setupOS2(usWeightClass=400)
    font.setupNameTable({"familyName": f"Built {units} {reach} {cmap} {bearing}", "styleName": "Regular"})
    font.setupPost()
    if variable:
        font.setupFvar([("wght", 100, 400, 900, "Weight")], [])
        grown = TupleVariation({"wght": (0.0, 1.0, 1.0)}, [(0, 0), (0, 40), (40, 40), (40, 0), *[(0, 0)] * 4])
        font.setupGvar({name: [grown] for name in letters})
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()


def spec_with_font(tmp_path, content: bytes, **changes) -> Spec:
    """A spec whose only font is a file with this content, on procedural backgrounds."""
    path = tmp_path / "user.ttf"
    path.write_bytes(content)
    return dataclasses.replace(
        sub_en(n=6, n_test=2),
        fonts=dataclasses.replace(sub_en().fonts, files=(str(path),)),
        background=dataclasses.replace(sub_en().background, p_procedural=1.0),
        **changes,
    )


def open_font(tmp_path, content: bytes) -> Assets:
    text = dataclasses.replace(sub_en().text, uncovered="drop")
    return Assets.open(spec_with_font(tmp_path, content, text=text), "train")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(build_font(), None, id="plain"),
        pytest.param(build_font(units=16, reach=9), None, id="16 units"),
        pytest.param(build_font(units=16384, reach=9000), None, id="16384 units"),
        pytest.param(build_font(bearing=-900), None, id="negative bearing"),
        pytest.param(build_font(variable=True), None, id="variable"),
        pytest.param(build_font(cmap=False), "user.ttf", id="no cmap"),
        pytest.param(build_font(units=16, reach=30_000), "no font covers a single line", id="larger than 8 em"),
        pytest.param(b"wOF2" + bytes(100), "user.ttf", id="woff2"),
        pytest.param(b"", "user.ttf", id="empty"),
        pytest.param(b"ttcf" + bytes(40), "user.ttf", id="collection of zeros"),
    ],
)
def test_fonts_of_many_kinds(tmp_path, content, error):
    if error:
        with pytest.raises(MaterialError, match=error) as caught:
            open_font(tmp_path, content)
        assert usable(str(caught.value))
        return
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(f"{chr(97 + i % 26)}bc de{chr(97 + i // 26)}" for i in range(80)))
    spec = spec_with_font(tmp_path, content, text=dataclasses.replace(sub_en().text, files=(str(path),)))
    for pair in pairs(spec, "train"):
        assert (pair.ground_truth == 0).any() and (pair.ground_truth[:, [0, -1]] == 255).all()


def test_fonts_without_outlines_are_rejected(tmp_path):
    font = TTFont(ARIMO)
    for tag in ("glyf", "loca"):
        del font[tag]
    file = io.BytesIO()
    font.save(file)
    with pytest.raises(MaterialError, match="no outlines"):
        open_font(tmp_path, file.getvalue())


@pytest.mark.parametrize("source", ["built", "Kalam"])
def test_fonts_with_damage(tmp_path, monkeypatch, source):
    monkeypatch.setenv("SUBSYNTH_CACHE", str(tmp_path / "cache"))
    intact = build_font() if source == "built" else Path(font_catalogue.bundled(source)[0].path).read_bytes()

    @FEW
    @given(
        st.lists(st.tuples(st.integers(0, len(intact) - 1), st.integers(0, 255)), max_size=5),
        st.integers(1, len(intact)),
    )
    def check(changes, length):
        content = bytearray(intact[: max(length, len(intact) * (length % 2))])  # half of the files keep their length
        for at, value in changes:
            if at < len(content):
                content[at] = value
        path = tmp_path / "damaged.ttf"
        path.write_bytes(bytes(content))
        try:
            for face in read_font_file(str(path)):
                glyphs = open_face(face)
                ids = glyphs.shape("abc de")[0]
                assert glyphs.arrays(ids).points.shape[1] == 2
        except MaterialError as error:
            assert usable(str(error)) and "damaged.ttf" in str(error)

    check()
