"""The size of an image file from its header, before anything is decoded."""

from __future__ import annotations

import struct

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8"
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame: they hold the size


def image_size(file: bytes) -> tuple[int, int] | None:
    """(height, width) of a PNG or JPEG file, px; None for anything else."""
    if file.startswith(PNG_SIGNATURE):
        if len(file) < 24 or file[12:16] != b"IHDR":
            return None
        width, height = struct.unpack(">II", file[16:24])
        return int(height), int(width)
    return _jpeg_size(file) if file.startswith(_JPEG_START) else None


def _jpeg_size(file: bytes) -> tuple[int, int] | None:
    """The size in the first start of frame (ITU T.81, B.2.2)."""
    position = 2
    while position + 4 <= len(file) and file[position] == 0xFF:
        marker = file[position + 1]
        if marker == 0xFF:  # padding
            position += 1
        elif marker in _NO_LENGTH:
            position += 2
        elif marker in _FRAMES:
            if position + 9 > len(file):
                return None
            height, width = struct.unpack(">HH", file[position + 5 : position + 9])
            return int(height), int(width)
        else:
            position += 2 + int.from_bytes(file[position + 2 : position + 4], "big")
    return None
