"""Films: which frames are one subtitle, and a short film that libass burnt in, from its frames to its files."""

import csv
import dataclasses
import itertools
import json
from pathlib import Path

import cv2
import libass
import numpy as np
import pysubs2
import pytest
from PIL import Image, ImageDraw, ImageFont

from subsynth import Binarizer
from subsynth.assets.pictures import bundled_pictures, decode_picture
from subsynth.assets.video_reading import open_video
from subsynth.binarization.detection import RATE, Sample
from subsynth.binarization.films import Subtitle, find_subtitles
from subsynth.binarization.masks import SAME, PackedMask, show_the_same, similarity
from subsynth.binarization.other_texts import split_others
from subsynth.binarization.result import Box, Line
from subsynth.binarization.tracking import STATIC_SECONDS, Tracker
from subsynth.core.progress import NoProgress
from subsynth.data import font_catalogue

SHAPE = 90, 160  # of masks, px
FRAME = np.zeros((*SHAPE, 3), np.uint8)


def word(seed, share=1.0):
    """A mask like that of a word, which depends on the seed; a share of its columns, from the left."""
    mask = np.zeros(SHAPE, bool)
    coarse = np.random.default_rng(seed).random((5, 30)) < 0.35
    mask[60:80, 20:140] = np.repeat(np.repeat(coarse, 4, 0), 4, 1)
    mask[:, round(20 + 120 * share) :] = False
    return mask


EMPTY = np.zeros(SHAPE, bool)


def tracks_of(masks):
    """Begin, end and seed order of the tracks of a sequence of masks, RATE per second."""
    tracker, tracks = Tracker(), []
    for i, mask in enumerate(masks):
        tracks += tracker.feed(Sample(i / RATE, FRAME, mask))
    tracks += tracker.finish()
    return tracks


@pytest.mark.parametrize("family, lang, size", [("Open Sans", "en", 18), ("Noto Sans SC", "hans", 18)])
def test_lines_of_equal_length_in_one_place_are_not_alike(family, lang, size):
    """At the size of the detection, where strokes are two pixels wide."""
    (face, *_) = font_catalogue.bundled(family)
    font = ImageFont.truetype(face.path, size)
    texts = {
        "en": ["He went back to the city alone.", "We have never seen it there yet", "They asked him what she wanted."],
        "hans": ["他昨天晚上一个人回到城里去了", "我们从来没有在那里见过这个人", "她问他们明天早上要到哪里去看"],
    }[lang]
    masks = []
    for text in texts:
        image = Image.new("L", (360, 40))
        ImageDraw.Draw(image).text((180, 20), text, 255, font, anchor="mm")
        masks.append(np.asarray(image) >= 128)
    for one, other in itertools.combinations(masks, 2):
        assert not show_the_same(one, other)
    assert all(show_the_same(mask, mask & (np.random.default_rng(0).random(mask.shape) < 0.8)) for mask in masks)


def test_masks_of_different_words_are_not_alike():
    noisy = word(1) & (np.random.default_rng(0).random(SHAPE) < 0.9)
    assert similarity(word(1), word(1)) == 1 and similarity(word(1), noisy) > 0.85
    assert max(similarity(word(1), word(seed)) for seed in range(2, 40)) < SAME
    assert similarity(word(1), EMPTY) == similarity(EMPTY, EMPTY) == 0


def test_a_track_for_each_subtitle():
    one, two = word(1), word(2)
    tracks = tracks_of([EMPTY] * 5 + [one] * 10 + [two] * 10 + [EMPTY] * 5 + [two] * 4)
    times = [(round(t.begin, 3), round(t.end, 3)) for t in tracks]
    assert times[:2] == [(0.9, 2.9), (2.9, 4.9)] and times[2][0] == pytest.approx(5.9)
    assert [t.samples for t in tracks] == [10, 10, 4]
    assert all(1 <= len(t.frames) <= 3 for t in tracks)


def test_two_frames_are_no_subtitle_and_one_frame_without_text_does_not_end_one():
    one = word(1)
    assert tracks_of([EMPTY, one, one, EMPTY, EMPTY, EMPTY]) == []
    assert len(tracks_of([EMPTY, one, one, one, EMPTY, EMPTY])) == 1
    assert len(tracks_of([one] * 4 + [EMPTY] + [one] * 4)) == 1
    assert len(tracks_of([one] * 4 + [EMPTY] * 2 + [one] * 4)) == 2


def test_a_fade_is_a_part_of_its_subtitle():
    whole = word(3)
    fade = [word(3, 0.4)], [word(3, 0.6)] * 2
    tracks = tracks_of([EMPTY, *fade[0], *[whole] * 6, *fade[1], EMPTY, EMPTY])
    assert len(tracks) == 1 and np.array_equal(tracks[0].reference, whole)
    assert tracks[0].begin == pytest.approx(0.1) and tracks[0].end == pytest.approx(9.5 / RATE)


MARK = np.zeros(SHAPE, bool)
MARK[5:12, 120:150:2] = True


def test_text_that_outlasts_a_subtitle_does_not_continue_it():
    """From the first frame on: such as a watermark before it is known to be static, or a sign."""
    one, two = word(1), word(2)
    tracks = tracks_of([MARK] * 10 + [MARK | one] * 10 + [MARK] * 10 + [MARK | two] * 10 + [MARK] * 10)
    times = [(round(t.begin, 3), round(t.end, 3)) for t in tracks]
    assert times == [(1.9, 3.9), (5.9, 7.9), (0.0, 9.8)]
    assert np.array_equal(tracks[0].reference, one) and np.array_equal(tracks[2].reference, MARK)


def rows(seed, top):
    """The mask of a line of text 8 px high, `top` px below the upper border."""
    mask = np.zeros(SHAPE, bool)
    mask[top : top + 8, 20:140] = np.repeat(np.random.default_rng(seed).random((4, 30)) < 0.5, 2, 0).repeat(4, 1)
    return mask


def test_a_subtitle_below_a_larger_title_is_not_lost():
    """Neither is the title, whose rows are far from those of the subtitle."""
    title = np.zeros(SHAPE, bool)
    title[:40, 10:150] = np.repeat(np.repeat(np.random.default_rng(9).random((10, 20)) < 0.6, 4, 0), 7, 1)
    one = rows(1, 76)
    assert similarity(title, title | one) >= SAME
    tracks = tracks_of([title] * 5 + [title | one] * 10 + [title] * 5)
    times = [(round(t.begin, 3), round(t.end, 3)) for t in tracks]
    assert times == [(0.9, 2.9), (0.0, 3.8)]
    assert np.array_equal(tracks[0].reference, one) and np.array_equal(tracks[1].reference, title)


def test_a_second_line_of_a_dialogue_begins_a_subtitle_of_both():
    one, two = rows(1, 64), rows(2, 76)
    assert similarity(one, one | two) >= SAME
    tracks = tracks_of([EMPTY] * 2 + [one] * 8 + [one | two] * 8)
    assert [(round(t.begin, 3), round(t.end, 3)) for t in tracks] == [(0.3, 1.9), (1.9, 3.4)]
    assert np.array_equal(tracks[0].reference, one) and np.array_equal(tracks[1].reference, one | two)


def test_two_lines_are_one_subtitle_even_if_one_of_them_has_low_characters_alone():
    one, two = rows(1, 60), rows(2, 74)
    one[:62] = False
    tracks = tracks_of([EMPTY] * 2 + [one | two] * 8)
    assert len(tracks) == 1 and np.array_equal(tracks[0].reference, one | two)


def test_credits_that_roll_are_no_subtitles():
    """Each frame shows them higher by a third of a line."""
    rolled = np.concatenate([rows(seed, 4)[:12] for seed in range(12)])
    tracks = tracks_of([rolled[first : first + SHAPE[0]] for first in range(0, 12 * 12 - SHAPE[0], 3)])
    assert tracks == []


def placed(begin, box, text=0):
    """A subtitle in a box of a film of 640 x 360 px; the ink is that of one text or of another."""
    x0, y0, x1, y1 = box
    mask = np.zeros((360, 640), bool)
    mask[y0:y1, x0:x1] = np.random.default_rng(text).random((400, 640))[: y1 - y0, : x1 - x0] < 0.4
    return Subtitle(begin, begin + 1.0, (Line(Box(*box), 0.99),), 0.99, PackedMask(mask), None)


def test_signs_that_return_are_told_from_subtitles():
    """Three times in one place where no subtitle is. A word that returns among the subtitles is one of them."""
    lines = [placed(10.0 * i, (200 - 9 * i, 300, 440 + 9 * i, 330)) for i in range(12)]
    word_again = [placed(10.0 * i + 5, (300, 301, 340, 329)) for i in range(3)]
    signs = [placed(10.0 * i + 2, (50, 40, 120, 60)) for i in range(3)]
    others = [placed(7.0, (400, 100, 450, 120)), placed(70.0, (20, 200, 60, 215))]
    kept, returning = split_others([*lines, *word_again, *signs, *others])
    assert kept == [*lines, *word_again, *others] and returning == signs
    for too_few in ([*lines, *signs[:2]], [*lines[:5], *signs]):
        assert split_others(too_few) == (too_few, [])
    assert split_others([]) == ([], [])


def test_different_texts_in_an_unusual_place_are_subtitles():
    """Such as three lines of a narrator at the top, of the same width."""
    lines = [placed(10.0 * i, (200 - 9 * i, 300, 440 + 9 * i, 330)) for i in range(12)]
    narrator = [placed(10.0 * i + 5, (250, 20, 390, 40), text) for i, text in enumerate((1, 2, 3))]
    assert split_others([*lines, *narrator]) == ([*lines, *narrator], [])


def test_a_part_of_a_watermark_is_left_out_with_it():
    """It is found alone on pictures on which the rest cannot be seen; the upper of two lines has the same rows."""
    lines = [placed(10.0 * i, (200 - 9 * i, 270, 440 + 9 * i, 330)) for i in range(12)]
    mark = dataclasses.replace(placed(3.0, (560, 275, 630, 290)), is_watermark=True)
    part, beside = placed(44.0, (590, 276, 612, 290)), placed(55.0, (540, 276, 600, 290))
    assert split_others([*lines, mark, part, beside]) == ([*lines, beside], [mark, part])
    wide = dataclasses.replace(placed(3.0, (100, 260, 600, 340)), is_watermark=True)  # a subtitle that looks like one
    assert split_others([*lines, wide]) == (lines, [wide])


def test_text_that_grows_within_a_second_is_one_subtitle():
    shares = [0.3, 0.6, 0.8] + [1.0] * 8
    tracks = tracks_of([EMPTY] * 3 + [word(4, share) for share in shares] + [EMPTY] * 3)
    assert len(tracks) == 1 and tracks[0].begin == pytest.approx(0.5)
    assert np.array_equal(tracks[0].reference, word(4))


def test_static_text_is_left_out():
    """A watermark that is never gone ends no subtitle, and is none, once enough frames were seen."""
    mark = MARK
    masks = [mark] * round(1.2 * RATE * STATIC_SECONDS)
    for seed in range(10):
        masks += [mark | word(seed)] * 6 + [mark] * 4
    tracks = tracks_of(masks)
    assert len(tracks) - 1 == 10  # and the first one is the watermark alone


def test_static_text_that_is_found_only_in_part_is_left_out():
    """Its borders flicker, and for some seconds it is not found at all."""
    random = np.random.default_rng(0)
    thick = cv2.dilate(MARK.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)

    def flickering():
        return MARK | (thick & (random.random(SHAPE) < 0.4))

    masks = [flickering() for _ in range(round(1.2 * RATE * STATIC_SECONDS))]
    for seed in range(10):
        masks += [flickering() | word(seed) for _ in range(6)] + [flickering() for _ in range(4)]
        masks += [word(seed + 20)] * 6 + [EMPTY] * 4
    assert len(tracks_of(masks)) - 1 == 20


# A film --------------------------------------------------------------------------------------------------------------

FPS, SIZE = 25, (640, 360)
SUBTITLES = [
    (0.6, 2.2, "It was raining in the city."),
    (2.2, 4.0, "Nobody knew why\\Nhe had come back."),
    (5.2, 6.8, "Because of you."),
    (6.8, 8.6, "That is not true at all!"),
]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A film of moving photographs with known subtitles, drawn by libass."""
    if libass.load() is None:
        pytest.skip("needs libass (Debian: libass9)")
    path = tmp_path_factory.mktemp("film") / "film.avi"
    (face, *_) = font_catalogue.bundled("Open Sans")
    values = {"width": SIZE[0], "height": SIZE[1], "family": "Open Sans", "size": 34, "outline": 2, "shadow": 0}
    head = libass.SCRIPT.format(text="", **values).partition("Dialogue:")[0].replace(",5,0,0,0,1", ",2,0,0,16,1")
    lines = "".join(
        f"Dialogue: 0,0:00:{begin:05.2f},0:00:{end:05.2f},Default,,0,0,0,,{text}\n" for begin, end, text in SUBTITLES
    )
    track = libass.Track(head + lines, {"Open Sans": Path(face.path)}, SIZE[::-1])
    scenes = [decode_picture(p) for p in bundled_pictures() if p.test][:3]
    scenes = [cv2.resize(scene, (720, 405), interpolation=cv2.INTER_AREA) for scene in scenes]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MJPG"), FPS, SIZE)
    for i in range(round(9.4 * FPS)):
        offset = i % 60
        frame = scenes[i // 80 % 3][offset // 2 : offset // 2 + SIZE[1], offset : offset + SIZE[0]].astype(np.float64)
        fill, outline, _ = track.layers(round(1000 * (i + 0.5) / FPS)) / 255.0
        frame = frame * (1 - outline[:, :, None])
        frame = frame * (1 - fill[:, :, None]) + 255 * fill[:, :, None]
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]).astype(np.uint8))
    writer.release()
    track.close()
    return path


def test_each_subtitle_of_a_film_is_found_once(film):
    found = find_subtitles(film, Binarizer(), lambda frame, result: (frame, result), NoProgress())
    assert len(found) == len(SUBTITLES)
    for subtitle, (begin, end, text) in zip(found, SUBTITLES, strict=True):
        assert abs(subtitle.begin - begin) <= 0.2 and abs(subtitle.end - end) <= 0.2
        frame, result = subtitle.made
        assert len(result.lines) == text.count("\\N") + 1 and frame.shape[:2] == result.coverage.shape
        assert 0 <= subtitle.box.x0 < subtitle.box.x1 <= SIZE[0] and 180 < subtitle.box.y0 < subtitle.box.y1 <= SIZE[1]


def test_the_files_of_a_film(run, film, tmp_path):
    result = run("binarize", film, "--out", "film")
    assert result.code == 0, result.err
    assert result.out.startswith("wrote 4 subtitles of film.avi to film")
    with (tmp_path / "film/film.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert list(rows[0]) == ["begin", "end", "file", "box", "confidence"]
    assert sorted(p.name for p in (tmp_path / "film").iterdir()) == [*(row["file"] for row in rows), "film.tsv"]
    for row, (begin, _, _) in zip(rows, SUBTITLES, strict=True):
        assert abs(float(row["begin"]) - begin) <= 0.2 and 0.5 < float(row["confidence"]) <= 1
        x0, y0, x1, y1 = map(int, row["box"].split(","))
        picture = cv2.imread(str(tmp_path / "film" / row["file"]), cv2.IMREAD_UNCHANGED)
        assert picture.ndim == 2 and picture.min() == 0 and picture.max() == 255
        assert np.mean((picture > 0) & (picture < 255)) > 0.01  # grey borders
        assert picture.shape[0] >= y1 - y0 and picture.shape[1] >= x1 - x0
    again = run("binarize", film, "--out", "film")
    assert again.code == 2 and "not an empty folder" in again.err and len(again.err.splitlines()) == 1


def test_a_subtitle_file(run, film, tmp_path):
    pytest.importorskip("rapidocr")
    result = run("binarize", film, "--out", "film.srt", "--read")
    assert result.code == 0, result.err
    events = pysubs2.load(str(tmp_path / "film.srt"))
    texts = ["".join(event.plaintext.split()) for event in events]
    expected = ["".join(text.replace("\\N", "").split()) for _, _, text in SUBTITLES]
    assert len(texts) == 4 and sum(one == other for one, other in zip(texts, expected, strict=True)) >= 3
    missing = run("binarize", film, "--out", "other.srt")
    assert missing.code == 2 and "add --read" in missing.err and not (tmp_path / "other.srt").exists()


@pytest.mark.parametrize("output", ["boxes", "erase"])
def test_other_outputs_of_a_film(run, film, tmp_path, output):
    result = run("binarize", film, "--out", "film", "--output", output)
    assert result.code == 0, result.err
    names = sorted(p.name for p in (tmp_path / "film").iterdir())
    if output == "erase":
        assert names == ["0001.png", "0002.png", "0003.png", "0004.png", "film.tsv"]
        return
    assert names == ["boxes.jsonl", "film.tsv"]
    records = [json.loads(line) for line in (tmp_path / "film/boxes.jsonl").read_text().splitlines()]
    for record, (begin, end, text) in zip(records, SUBTITLES, strict=True):
        assert abs(record["begin"] - begin) <= 0.2 and abs(record["end"] - end) <= 0.2
        assert len(record["lines"]) == text.count("\\N") + 1
        assert all(180 < line["box"][1] < line["box"][3] <= SIZE[1] for line in record["lines"])  # px of the film


def test_frames_of_a_low_rate_are_shown_until_the_next(tmp_path):
    """At one frame a second, a subtitle of two frames is two seconds long."""
    writer = cv2.VideoWriter(str(tmp_path / "slow.avi"), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MJPG"), 1, (64, 48))
    for level in range(0, 250, 25):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    with open_video(str(tmp_path / "slow.avi")) as video:
        frames = list(video.at_rate(RATE))
    assert [round(frame.seconds, 3) for frame in frames] == [i / 5 for i in range(46)]
    assert all(abs(int(frame.image.mean()) - 25 * int(frame.seconds)) <= 3 for frame in frames)


def test_a_film_that_is_cut_off_is_read_to_its_end(run, film, tmp_path):
    content = film.read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: len(content) * 6 // 10])
    result = run("binarize", "cut.avi", "--out", "film")
    assert result.code == 0 and "wrote 2 subtitles" in result.out, result.err
    assert len(result.err.splitlines()) == 1 and "truncated or damaged" in result.err
