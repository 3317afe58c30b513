"""PNG files and deflate streams are valid, read back exactly, and equal with and without compiled kernels."""

import hashlib
import io
import shutil
import subprocess
import zlib
from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from subsynth import pairs, sub_en
from subsynth.format import deflate, png
from subsynth.kernels import png_encoding


@pytest.fixture(params=[True, False], ids=["compiled", "plain"])
def encode_color(request):
    return partial(png.encode_color, compiled=request.param)


@pytest.fixture(scope="module")
def pictures():
    """Images (H, W, 3) and masks (H, W): rendered ones, and patterns of many sizes."""
    rendered = [(p.image, p.ground_truth) for p in pairs(sub_en(), "train", 0, 20)]
    patterns = []
    for height, width in ((1, 1), (3, 7), (8, 8), (33, 281), (500, 900)):
        y, x = np.mgrid[0:height, 0:width]
        image = np.stack((x * 7 + y, x ^ y, x * y), axis=2).astype(np.uint8)
        patterns.append((image, np.where((x * y) % 3 == 0, 0, 255).astype(np.uint8)))
    return rendered + patterns


def test_readers_return_the_pixels(pictures, encode_color):
    for image, mask in pictures:
        color, binary = encode_color(image), png.encode_binary(mask)
        with Image.open(io.BytesIO(color)) as opened:
            assert opened.mode == "RGB" and np.array_equal(np.asarray(opened), image)
        with Image.open(io.BytesIO(binary)) as opened:
            assert opened.mode == "1" and np.array_equal(np.asarray(opened.convert("L")), mask)
        decoded = cv2.imdecode(np.frombuffer(color, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(decoded[:, :, ::-1], image)
        decoded = cv2.imdecode(np.frombuffer(binary, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(decoded, mask)


def test_compiled_and_plain_encoders_write_the_same_bytes(pictures):
    for image, _ in pictures:
        assert png.encode_color(image, compiled=True) == png.encode_color(image, compiled=False)


def test_chunks_follow_the_standard(pictures, encode_color):
    """Signature, lengths, checksums and end, and nothing after it."""
    for image, mask in pictures:
        for file in (encode_color(image), png.encode_binary(mask)):
            assert file[:8] == bytes([137, 80, 78, 71, 13, 10, 26, 10])
            position, kinds = 8, []
            while position < len(file):
                length = int.from_bytes(file[position : position + 4], "big")
                kind = file[position + 4 : position + 8]
                content = file[position + 8 : position + 8 + length]
                checksum = int.from_bytes(file[position + 8 + length : position + 12 + length], "big")
                assert checksum == zlib.crc32(kind + content)
                kinds.append(kind)
                position += 12 + length
            assert kinds == [b"IHDR", b"IDAT", b"IEND"] and position == len(file)


@pytest.mark.skipif(not shutil.which("pngcheck"), reason="pngcheck is not installed (Debian: apt-get install pngcheck)")
def test_pngcheck_accepts_the_files(pictures, encode_color, tmp_path):
    for number, (image, mask) in enumerate(pictures):
        (tmp_path / f"{number}.png").write_bytes(encode_color(image))
        (tmp_path / f"{number}-mask.png").write_bytes(png.encode_binary(mask))
    paths = sorted(map(str, tmp_path.glob("*.png")))
    result = subprocess.run(["pngcheck", *paths], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("OK:") == len(paths)


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
def test_huffman_codes_are_complete_and_near_the_entropy(counts):
    """Kraft's sum is one, and the mean code length is at least the entropy and at most one bit more."""
    counts[0], counts[256] = counts[0] + 1, 1
    lengths = deflate.code_lengths(np.array(counts))
    used = lengths > 0
    assert np.array_equal(used, np.array(counts) > 0)
    assert lengths.max() <= deflate.MAX_CODE_BITS and sum(2.0 ** -lengths[used]) == 1
    share = np.array(counts)[used] / sum(counts)
    entropy = -(share * np.log2(share)).sum()
    assert entropy - 1e-9 <= (share * lengths[used]).sum() < entropy + 1.1


def test_files_depend_on_the_pixels_alone():
    """The bytes are the same whatever the allocated memory held before."""
    image = next(pairs(sub_en(), "train", 7, 8)).image
    mask = np.ascontiguousarray(image[:, :, 0] & 128) // 128 * 255
    expected = png.encode_color(image), png.encode_binary(mask)
    for value in range(50):
        _ = [np.full(size, value, np.uint8) for size in (1000, 30_000, 270_000)]
        assert expected == (png.encode_color(image), png.encode_binary(mask))
