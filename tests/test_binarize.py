"""Binarization by the bundled network: pictures, batches, threads, and the command on files and folders."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from subsynth import Binarizer, film_en, film_zh, pairs, sub_en, sub_zh
from subsynth.binarization.lines import find_lines, ink_of_lines
from subsynth.binarization.outputs import OUTPUTS, PICTURES
from subsynth.binarization.result import Box
from subsynth.data import font_catalogue

PRESETS = [film_en, film_zh, sub_en, sub_zh]


@pytest.fixture(scope="module")
def binarizer():
    return Binarizer()


@pytest.fixture(scope="module", params=PRESETS, ids=lambda preset: preset().name)
def samples(request):
    """Pairs of the test split, with all labels."""
    spec = request.param(n=100, n_test=100)
    spec = dataclasses.replace(spec, labels=type(spec.labels)(line_boxes=True, erase_mask=True, coverage=True))
    return list(pairs(spec, "test", 0, 20))


def f_measure(found, truth):
    hits = np.count_nonzero(found & truth)
    return 2 * hits / max(1, np.count_nonzero(found) + np.count_nonzero(truth))


def test_text_is_found(binarizer, samples):
    results = binarizer.binarize_batch([pair.image for pair in samples])
    found = np.stack([result.coverage >= 128 for result in results])
    truth = np.stack([pair.ground_truth == 0 for pair in samples])
    assert f_measure(found, truth) > 0.85
    erased = np.stack([result.erase_mask == 0 for result in results])
    assert f_measure(erased, np.stack([pair.erase_mask == 0 for pair in samples])) > 0.8
    for pair, result in zip(samples, results, strict=True):
        assert result.coverage.shape == result.erase_mask.shape == pair.image.shape[:2]
        assert set(np.unique(result.erase_mask)) <= {0, 255}
        assert result.has_text == bool(result.lines)
    # Whether there is text, for nearly all pictures: some of them are too faint for anyone.
    assert sum(r.has_text == bool(p.recipe.text.strip()) for p, r in zip(samples, results, strict=True)) >= 18


@pytest.mark.parametrize("preset", [film_en, film_zh])
def test_text_is_found_anywhere_in_a_tall_picture(binarizer, preset):
    """The network is trained on bands; frames of films are taller, and have text at any height."""
    samples = list(pairs(preset(n=100, n_test=100), "test", 20, 44))
    found, truth = [], []
    for i in range(0, len(samples), 4):
        tall = np.concatenate([pair.image for pair in samples[i : i + 4]])
        found.append(binarizer.binarize(tall, large_text=False).coverage >= 128)
        truth.append(np.concatenate([pair.ground_truth == 0 for pair in samples[i : i + 4]]))
    assert f_measure(np.stack(found), np.stack(truth)) > 0.85


def test_a_batch_a_thread_and_a_single_picture_agree(binarizer, samples):
    images = [pair.image for pair in samples[:8]] + [samples[0].image[:25, :133]]
    single = [binarizer.binarize(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(binarizer.binarize, images * 3))
    for result, other in zip(threaded, single * 3, strict=True):
        assert np.array_equal(result.coverage, other.coverage) and result.lines == other.lines
    for result, other in zip(binarizer.binarize_batch(images), single, strict=True):
        assert np.abs(result.coverage.astype(int) - other.coverage).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (7, 300), (33, 17), (135, 720), (216, 2100)])
def test_any_size(binarizer, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    result = binarizer.binarize(image)
    assert result.coverage.shape == result.erase_mask.shape == size
    assert np.array_equal(binarizer.binarize(image[:, :, 0]).coverage.shape, size)  # grey is taken too


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros(4, np.uint8)]
)
def test_arrays_that_are_no_pictures(binarizer, image):
    with pytest.raises(ValueError, match="image"):
        binarizer.binarize(image)


def test_large_text_is_read_at_a_reduced_size(binarizer):
    """The same pictures at one and at six times their size, where letters are 90 to 130 px high."""
    spec = dataclasses.replace(sub_en(n=10, n_test=10), height=48)
    scores = []
    for pair in pairs(spec, "test", 0, 10):
        large = np.asarray(Image.fromarray(pair.image).resize((1680, 288), Image.Resampling.BICUBIC))
        text = np.asarray(Image.fromarray(binarizer.binarize(large).coverage).resize((280, 48), Image.Resampling.BOX))
        scores.append(f_measure(text >= 128, pair.ground_truth == 0))
        without = binarizer.binarize(large, large_text=False)
        assert all(line.box.height <= 58 for line in without.lines)
    assert np.median(scores) > 0.75


def test_outputs(binarizer, samples):
    pair = max(samples, key=lambda pair: (pair.ground_truth == 0).sum())
    result = binarizer.binarize(pair.image)
    pictures = {name: make(pair.image, result) for name, make in PICTURES.items()}
    text = pair.ground_truth == 0
    assert set(np.unique(pictures["binary"])) == {0, 255} and pictures["binary"][text].mean() < 128
    assert np.array_equal(pictures["soft"] < 128, pictures["binary"] == 0)
    assert np.array_equal(pictures["erase"] == 255, result.erase_mask == 0)
    flat = pictures["flat"]
    assert flat.shape == pair.image.shape
    backdrop = flat[result.coverage == 0]
    assert len(np.unique(backdrop)) == 1 and backdrop[0, 0] in (0, 255)
    certain = result.coverage == 255
    assert np.array_equal(flat[certain], pair.image[certain])


# Lines ----------------------------------------------------------------------------------------------------------------


def drawn(*boxes, shape=(120, 400)):
    coverage = np.zeros(shape, np.uint8)
    for x0, y0, x1, y1 in boxes:
        coverage[y0:y1, x0:x1:3] = 255
        coverage[y0:y1, x1 - 1] = 255
    return coverage


@pytest.mark.parametrize(
    "boxes, lines",
    [
        ([], []),
        ([(10, 10, 200, 30)], [(10, 10, 200, 30)]),
        ([(10, 10, 200, 30), (40, 34, 180, 54)], [(10, 10, 200, 30), (40, 34, 180, 54)]),
        ([(10, 10, 60, 30), (90, 12, 140, 32)], [(10, 10, 140, 32)]),  # two words
        ([(10, 10, 60, 30), (200, 10, 260, 30)], [(10, 10, 60, 30), (200, 10, 260, 30)]),  # far apart
        ([(10, 10, 30, 13), (8, 26, 32, 29)], [(8, 10, 32, 29)]),  # two strokes of one character
        ([(20, 6, 24, 9), (10, 12, 100, 32)], [(10, 6, 100, 32)]),  # an accent
        ([(50, 50, 52, 52)], []),  # a speck
        # A title and a subtitle, each of one short line.
        ([(100, 5, 196, 19), (70, 93, 240, 108)], [(100, 5, 196, 19), (70, 93, 240, 108)]),
    ],
)
def test_lines_are_boxes_of_ink(boxes, lines):
    assert [tuple(line.box) for line in find_lines(drawn(*boxes))] == lines


@pytest.mark.parametrize(
    "family", ["Fira Sans", "Open Sans", "Crimson Text", "Comic Neue", "Noto Sans SC", "WenQuanYi Micro Hei"]
)
def test_two_lines_of_a_subtitle_are_two(family):
    """Although descenders of the first one lie close above the second one; each box has the ink of its own line."""
    chinese = ("你好，我的朋友。", "今天怎么样？"), ("我不知道。", "“不！”")
    english = (
        ("Hello my friend,", "how are you today?"),
        ("Why not?", "gypsy, jump!"),
        ("Tom, you go.", "I'll stay here"),
    )
    texts = chinese if family in ("Noto Sans SC", "WenQuanYi Micro Hei") else english
    for size in (16, 22, 30, 44, 52):
        font = ImageFont.truetype(font_catalogue.bundled(family)[0].path, size)
        for lead in (1.15, 1.25, 1.4):
            for pair in texts:
                inks = []
                for number, text in enumerate(pair):
                    page = Image.new("L", (640, 200))
                    place = 320, 80 + round(number * lead * size)
                    ImageDraw.Draw(page).text(place, text, 255, font, anchor="ms")
                    inks.append(np.asarray(page))
                lines = find_lines(np.maximum(*inks))
                assert len(lines) == 2, (size, lead, pair)
                for (box, _), own, other in zip(lines, inks, inks[::-1], strict=True):
                    inside = np.zeros(own.shape, bool)
                    inside[box.y0 : box.y1, box.x0 : box.x1] = True
                    assert not (inside & (other >= 128)).any()
                    assert np.count_nonzero(~inside & (own >= 128)) <= 0.02 * np.count_nonzero(own >= 128)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.6))
def test_lines_lie_inside_and_keep_their_ink(seed, share):
    random = np.random.default_rng(seed)
    coverage = np.where(random.random((40, 90)) < share, random.integers(128, 256, (40, 90)), 0).astype(np.uint8)
    lines = find_lines(coverage)
    kept = ink_of_lines(coverage, lines)
    assert ((kept == coverage) | (kept == 0)).all()
    for box, confidence in lines:
        assert 0 <= box.x0 < box.x1 <= 90 and 0 <= box.y0 < box.y1 <= 40 and 0.5 <= confidence <= 1
        assert np.array_equal(kept[box.y0 : box.y1, box.x0 : box.x1], coverage[box.y0 : box.y1, box.x0 : box.x1])
    assert list(lines) == sorted(lines, key=lambda line: (line.box.y0, line.box.x0))


def test_sides_of_boxes():
    assert Box(2, 3, 10, 7).width == 8 and Box(2, 3, 10, 7).height == 4


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strips():
    return [pair.image for pair in pairs(sub_en(n=10, n_test=10), "test", 0, 3)]


def test_a_picture(run, tmp_path, strips, binarizer):
    Image.fromarray(strips[0]).save(tmp_path / "frame.jpg", quality=100)
    result = run("binarize", "frame.jpg")
    assert result.code == 0, result.err
    assert result.out == "wrote frame-bw.png\n"
    with Image.open(tmp_path / "frame-bw.png") as image:
        assert image.mode == "L" and image.size == (280, 32)
        written = np.asarray(image)
    expected = binarizer.binarize(np.asarray(Image.open(tmp_path / "frame.jpg")))
    assert np.array_equal(written, 255 - expected.coverage)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_folder(run, tmp_path, strips, output):
    (tmp_path / "strips").mkdir()
    for i, strip in enumerate(strips):
        Image.fromarray(strip).save(tmp_path / f"strips/{i}.{('png', 'bmp', 'webp')[i]}")
    (tmp_path / "strips/notes.txt").write_text("no picture")
    result = run("binarize", "strips", "--out", "clean", "--output", output)
    assert result.code == 0, result.err
    assert "3 pictures" in result.out and "1 other entry left out" in result.out
    names = sorted(path.name for path in (tmp_path / "clean").iterdir())
    if output == "boxes":
        assert names == ["boxes.jsonl"]
        records = [json.loads(line) for line in (tmp_path / "clean/boxes.jsonl").read_text().splitlines()]
        assert [record["file"] for record in records] == ["0.png", "1.bmp", "2.webp"]
        assert all(record["has_text"] and len(record["lines"][0]["box"]) == 4 for record in records)
    else:
        assert names == ["0.png", "1.png", "2.png"]
        assert {Image.open(tmp_path / "clean" / name).size for name in names} == {(280, 32)}
