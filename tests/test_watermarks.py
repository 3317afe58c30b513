"""Watermarks are told from subtitles by what is seen through them, and by their place."""

import re

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from subsynth.binarization.result import Box
from subsynth.binarization.watermarks import is_watermark, tint, transparency
from subsynth.data import font_catalogue
from subsynth.data.folders import bundled_folder

PHOTOS = sorted(bundled_folder("backgrounds").glob("photos/*.jpg"))[:40:4]
BOX = Box(440, 60, 600, 90)


def drawing(photo, opacity, box=BOX, color=(250, 250, 250)):
    """A photograph with text in a box, its coverage, and its erase mask."""
    picture = cv2.resize(cv2.imread(str(photo), cv2.IMREAD_COLOR_RGB), (640, 120), interpolation=cv2.INTER_AREA)
    coverage = np.zeros((120, 640), np.uint8)
    size, weight = 1.1, 3
    cv2.putText(coverage, "Film 7x", (box.x0, box.y1 - 4), cv2.FONT_HERSHEY_SIMPLEX, size, 255, weight, cv2.LINE_AA)
    share = opacity * coverage[:, :, None] / 255
    mixed = np.round(share * np.array(color) + (1 - share) * picture).astype(np.uint8)
    encoded = cv2.imencode(".jpg", mixed[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), coverage, np.where(coverage > 0, np.uint8(0), np.uint8(255))


@pytest.mark.parametrize("opacity", [0.4, 0.6, 0.8, 1.0])
def test_transparency_is_measured(opacity):
    """On photographs; where one is too plain, 0."""
    found = np.array([transparency(*drawing(photo, opacity), 9) for photo in PHOTOS])
    measured = found[found != 0]
    assert len(measured) >= 0.5 * len(found)
    assert abs(np.median(measured) - (1 - opacity)) < 0.12


@pytest.mark.parametrize("opacity", [0.4, 0.5, 0.6])
def test_a_watermark_on_grass_is_tinted(opacity):
    """A fine pattern of one hue, of which an estimate of the picture behind the strokes shows nothing."""
    levels = np.random.default_rng(0).normal(0, 14, (120, 640, 1))
    grass = np.clip(np.array([132, 145, 64]) + levels, 0, 255)
    _, coverage, erase = drawing(PHOTOS[0], 1.0)
    share = opacity * coverage[:, :, None] / 255
    picture = np.round(share * 255 + (1 - share) * grass).astype(np.uint8)
    assert abs(tint(picture, coverage, erase) - (1 - opacity)) < 0.05
    assert is_watermark(picture, coverage, erase, BOX)


@pytest.mark.parametrize("color", [(255, 255, 255), (200, 200, 200), (250, 227, 5), (40, 120, 40), (250, 145, 186)])
def test_opaque_text_has_no_tint(color):
    """Whatever its colour, on photographs, and whatever the codec adds."""
    found = [tint(*drawing(photo, 1.0, color=color)) for photo in PHOTOS]
    assert sum(0.3 < value < 0.8 for value in found) == 0, found


def test_only_translucent_text_beside_the_middle_is_a_watermark():
    centre = Box(240, 60, 400, 90)
    share = {
        name: np.mean([is_watermark(*drawing(photo, opacity, box), box) for photo in PHOTOS])
        for name, opacity, box in (("mark", 0.5, BOX), ("opaque", 1.0, BOX), ("centred", 0.5, centre))
    }
    assert share["mark"] >= 0.5 and share["opaque"] <= 0.1 and share["centred"] == 0


def test_where_nothing_can_be_measured():
    """On a plain picture, without strokes, and in a strip, nothing is a watermark."""
    picture, coverage, erase = drawing(PHOTOS[0], 0.5)
    assert transparency(np.full_like(picture, 90), coverage, erase, 9) == 0
    assert tint(np.full_like(picture, 90), coverage, erase) == tint(picture, np.zeros_like(coverage), erase) == 0
    assert transparency(picture, np.zeros_like(coverage), erase, 9) == 0
    assert transparency(picture, coverage, np.zeros_like(erase), 9) == 0
    strip = slice(50, 100)
    assert not is_watermark(picture[strip], coverage[strip], erase[strip], Box(440, 10, 600, 40))


def test_the_command_counts_what_it_leaves_out(run, tmp_path):
    """Translucent sentences in a corner of photographs, and opaque ones in the middle, which are kept."""
    font = ImageFont.truetype(font_catalogue.bundled("Open Sans")[-1].path, 34)
    (tmp_path / "frames").mkdir()
    for i, photo in enumerate(PHOTOS[:6]):
        with Image.open(photo) as image:
            picture = image.convert("RGB").resize((960, 540))
        for place, opacity, text in (((40, 60), 150, "I am over here"), ((480, 460), 255, "And I am here")):
            layer = Image.new("RGBA", picture.size)
            outline = {"stroke_width": 3, "stroke_fill": (0, 0, 0, 255)} if opacity == 255 else {}
            anchor = "ms" if opacity == 255 else "ls"
            ImageDraw.Draw(layer).text(place, text, (255, 255, 255, opacity), font, anchor=anchor, **outline)
            picture = Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")
        picture.save(tmp_path / f"frames/{i}.png")
    result = run("binarize", "frames", "--out", "clean")
    assert result.code == 0, result.err
    counted = re.search(
        r"wrote 6 pictures to clean; (\d) translucent lines? left out as (a watermark|watermarks)", result.out
    )
    assert counted and int(counted[1]) >= 3
    for i in range(6):
        with Image.open(tmp_path / f"clean/{i}.png") as image:
            assert (np.asarray(image)[430:480, 380:580] == 0).any()
