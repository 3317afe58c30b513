import hashlib
import io
import shutil
import subprocess
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from subsynth import pairs, sub_en
from subsynth.format import deflate, png
from subsynth.kernels import compilation, png_encoding


@pytest.fixture(params=["numba", "plain"])
def coder(request, monkeypatch):
    """With compiled kernels, and without."""
    monkeypatch.setattr(compilation, "active", lambda: request.param == "numba")
    return request.param


def pictures():
    yield from ((p.image, p.ground_truth) for p in pairs(sub_en(), "train", 0, 20))
    for height, width in ((1, 1), (3, 7), (8, 8), (33, 281), (500, 900)):
        y, x = np.mgrid[0:height, 0:width]
        image = np.stack((x * 7 + y, x ^ y, x * y), axis=2).astype(np.uint8)
        yield image, np.where((x * y) % 3 == 0, 0, 255).astype(np.uint8)


def test_readers_give_the_pixels_back(coder):
    for image, mask in pictures():
        color, binary = png.color(image), png.binary(mask)
        with Image.open(io.BytesIO(color)) as opened:
            assert opened.mode == "RGB" and np.array_equal(np.asarray(opened), image)
        with Image.open(io.BytesIO(binary)) as opened:
            assert opened.mode == "1" and np.array_equal(np.asarray(opened.convert("L")), mask)
        seen = cv2.imdecode(np.frombuffer(color, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(seen[:, :, ::-1], image)
        seen = cv2.imdecode(np.frombuffer(binary, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(seen, mask)


def test_chunks_are_sound(coder):
    """Signature, lengths, check sums and end, and nothing after it: read by hand, as the standard has them."""
    for image, mask in pictures():
        for file in (png.color(image), png.binary(mask)):
            assert file[:8] == bytes([137, 80, 78, 71, 13, 10, 26, 10])
            at, kinds = 8, []
            while at < len(file):
                length = int.from_bytes(file[at : at + 4], "big")
                kind, content = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
                assert int.from_bytes(file[at + 8 + length : at + 12 + length], "big") == zlib.crc32(kind + content)
                kinds.append(kind)
                at += 12 + length
            assert kinds == [b"IHDR", b"IDAT", b"IEND"] and at == len(file)


@pytest.mark.skipif(not shutil.which("pngcheck"), reason="pngcheck is not installed (Debian: apt-get install pngcheck)")
def test_pngcheck_is_content(coder, tmp_path):
    for number, (image, mask) in enumerate(pictures()):
        (tmp_path / f"{number}.png").write_bytes(png.color(image))
        (tmp_path / f"{number}-mask.png").write_bytes(png.binary(mask))
    png_encoding = sorted(map(str, tmp_path.glob("*.png")))
    done = subprocess.run(["pngcheck", *png_encoding], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("OK:") == len(png_encoding)


STREAMS = [
    np.zeros(1, np.uint8),
    np.zeros(5000, np.uint8),
    np.arange(256, dtype=np.uint8),
    np.repeat(np.arange(24, dtype=np.uint8), [int(1.62**k) + 1 for k in range(24)]),  # its Huffman code is too long
    np.frombuffer(b"".join(hashlib.sha256(bytes([i])).digest() for i in range(250)), np.uint8),
]


@pytest.mark.parametrize("content", STREAMS, ids=["one", "flat", "each", "skewed", "noise"])
def test_streams_are_read_back_and_kernels_write_the_same(content):
    stream = deflate.deflate(content)
    assert zlib.decompress(stream) == content.tobytes()
    assert png_encoding.deflate(content).tobytes() == stream


@given(st.binary(min_size=1, max_size=3000))
def test_any_bytes_are_read_back(content):
    array = np.frombuffer(content, np.uint8)
    stream = deflate.deflate(array)
    assert zlib.decompress(stream) == content and png_encoding.deflate(array).tobytes() == stream


@given(st.lists(st.integers(0, 10**6), min_size=257, max_size=257))
def test_codes_are_complete_and_short_enough(counts):
    """Kraft's sum is one, and no Huffman code of the entropy coders' bound is beaten or missed by a bit a symbol."""
    counts[0], counts[256] = counts[0] + 1, 1
    lengths = deflate.code_lengths(np.array(counts))
    used = lengths > 0
    assert np.array_equal(used, np.array(counts) > 0)
    assert lengths.max() <= 15 and sum(2.0 ** -lengths[used]) == 1
    share = np.array(counts)[used] / sum(counts)
    entropy = -(share * np.log2(share)).sum()
    assert entropy - 1e-9 <= (share * lengths[used]).sum() < entropy + 1.1


def test_files_do_not_hang_on_memory():
    """The same bytes whatever lay in memory before."""
    image = next(pairs(sub_en(), "train", 7, 8)).image
    wanted = png.color(image), png.binary(np.ascontiguousarray(image[:, :, 0] & 128) // 128 * 255)
    for value in range(50):
        _ = [np.full(size, value, np.uint8) for size in (1000, 30_000, 270_000)]
        assert wanted == (png.color(image), png.binary(np.ascontiguousarray(image[:, :, 0] & 128) // 128 * 255))
