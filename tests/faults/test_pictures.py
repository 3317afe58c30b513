"""Users' pictures: any format and folder, transparency, sizes and shapes."""

import dataclasses
import logging

import numpy as np
import pytest
from PIL import Image

from subsynth import MaterialError, pairs, sub_en
from subsynth.assets.backgrounds import picture_scenes
from subsynth.assets.pictures import Picture, decode_picture, user_pictures


def noise(seed, size=(96, 64)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8))


def decode(path):
    return decode_picture(Picture(path.name, str(path), "", test=False))


def test_every_format_and_subfolder_is_used_and_the_rest_is_counted(tmp_path, caplog):
    formats = ["png", "gif", "jfif", "jpg", "webp", "bmp", "tiff", "ppm", "tga", "jp2"]
    for i, suffix in enumerate(formats):
        folder = tmp_path / f"{i % 3}" / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        noise(i).save(folder / f"p{i}.{suffix}")
    noise(99).save(tmp_path / "LOUD.PNG")
    for name in ("a.txt", "b.txt", "c.eps", "d"):
        (tmp_path / name).write_text("no picture")
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with caplog.at_level(logging.WARNING, "subsynth"):
        used = user_pictures([str(tmp_path)])
    assert len(used) == len(formats) + 1
    (record,) = caplog.records
    message = record.getMessage()
    assert "5 files" in message and "2 .txt" in message and "1 .eps" in message and "1 without an ending" in message


def ink_in_alpha(mode="RGBA", value=0):
    """A page whose ink is in the alpha channel: one colour everywhere, opaque where there is ink."""
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:20, 10:50] = 255
    image = Image.new("RGB", (60, 40), (value,) * 3)
    image.putalpha(Image.fromarray(alpha))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (60, 255), (255, 0), (200, 0)])
def test_transparent_parts_contrast_with_what_is_visible(tmp_path, mode, ink, ground):
    ink_in_alpha(mode, ink).save(tmp_path / "page.png")
    image = decode(tmp_path / "page.png")
    assert image.shape == (40, 60, 3)
    assert (image[12, 30] == ink).all() and (image[0, 0] == ground).all()


def test_colours_under_transparency_are_not_seen(tmp_path):
    for i in range(3):
        pixels = np.asarray(noise(i).convert("L").convert("RGBA")).copy()
        pixels[:, 48:] = (255, 0, 255, 0)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    palette = Image.new("P", (96, 64), 0)
    palette.putpalette([255, 0, 255, 10, 20, 30] + [0] * 762)
    palette.paste(1, (0, 0, 48, 64))
    palette.save(tmp_path / "p.png", transparency=0)
    spec = dataclasses.replace(
        sub_en(n=30, n_test=4),
        background=dataclasses.replace(
            sub_en().background, folders=(str(tmp_path),), p_procedural=0.0, gain_range=(1, 1), tint_range=(0, 0),
            saturation_range=(1, 1), lift_range=(0, 0),
        ),
    )  # fmt: skip
    spec = dataclasses.replace(spec, fill=dataclasses.replace(spec.fill, colors={"white": 1.0}))
    for pair in pairs(spec, "train", 0, 30):
        red, green, blue = (pair.image[..., c].astype(int) for c in range(3))
        assert ((red > 150) & (green < 80) & (blue > 150)).mean() < 0.005


@pytest.mark.parametrize("size", [(1, 300), (300, 1), (2, 4000), (5000, 3), (1, 1)])
def test_extreme_shapes_cost_what_others_cost(tmp_path, size):
    noise(0, size).save(tmp_path / "strip.png")
    scene = picture_scenes([Picture("strip", str(tmp_path / "strip.png"), "", test=False)], 280, 32)[0]
    assert sum(level.planes.nbytes for level in scene.levels) < 64e6
    for level in scene.levels:
        assert level.planes.shape[1] >= 32 and level.planes.shape[2] >= 280


def test_ordinary_shapes_are_used_whole(tmp_path):
    for size in ((640, 360), (100, 200), (1000, 200)):
        noise(1, size).save(tmp_path / "a.png")
        scene = picture_scenes([Picture("a", str(tmp_path / "a.png"), "", test=False)], 280, 32)[0]
        height, width = scene.levels[0].planes.shape[1:]
        assert abs(width / height / (size[0] / size[1]) - 1) < 0.02


def test_large_pictures_are_read_at_a_reduced_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    large = Image.linear_gradient("L").resize((9000, 6000))
    large.save(tmp_path / "a.png")
    large.save(tmp_path / "b.jpg", exif=exif)
    straight, turned = decode(tmp_path / "a.png"), decode(tmp_path / "b.jpg")
    assert 1280 <= straight.shape[1] < 9000 and 720 <= straight.shape[0] < 6000
    assert turned.shape[0] > turned.shape[1]
    assert straight[0].mean() < 30 and straight[-1].mean() > 220


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path):
    Image.new("1", (60_000, 60_000)).save(tmp_path / "bomb.png")
    with pytest.raises(MaterialError, match="60000 x 60000 px"):
        decode(tmp_path / "bomb.png")
