"""The parts of the Xet format that a server needs: xorbs hold chunks, shards list the chunks of each file."""

import struct
from dataclasses import dataclass

CHUNK = struct.Struct("<B3sB3s")  # version, compressed length, scheme, length
BOOKEND = b"\xff" * 32


def text(digest: bytes) -> str:
    """A hash as text: four little-endian 64-bit words."""
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", digest))


@dataclass
class Chunk:
    start: int  # of its header in the xorb
    stop: int
    scheme: int
    length: int


def chunks(xorb: bytes) -> list[Chunk]:
    """The chunks of an uploaded xorb."""
    result, start = [], 0
    while start < len(xorb) and xorb[start : start + 7] != b"XETBLOB":
        _, packed, scheme, length = CHUNK.unpack_from(xorb, start)
        stop = start + CHUNK.size + int.from_bytes(packed, "little")
        result.append(Chunk(start, stop, scheme, int.from_bytes(length, "little")))
        start = stop
    return result


def unpack(xorb: bytes, chunk: Chunk) -> bytes:
    """The bytes of a chunk, stored raw, in LZ4, or in LZ4 of the four byte planes."""
    data = xorb[chunk.start + CHUNK.size : chunk.stop]
    if chunk.scheme == 0:
        return data
    data = lz4(data)
    if chunk.scheme == 1:
        return data
    content, start = bytearray(len(data)), 0
    for plane in range(4):
        size = len(range(plane, len(data), 4))
        content[plane::4] = data[start : start + size]
        start += size
    return bytes(content)


def lz4(frame: bytes) -> bytes:
    """The content of an LZ4 frame."""
    flags, at, out = frame[4], 7, bytearray()
    at += 8 * bool(flags & 8) + 4 * bool(flags & 1)
    while size := int.from_bytes(frame[at : at + 4], "little"):
        at += 4
        raw, size = size >> 31, size & 0x7FFFFFFF
        if raw:
            out += frame[at : at + size]
        else:
            _block(frame[at : at + size], out)
        at += size + 4 * bool(flags & 16)
    return bytes(out)


def _block(block: bytes, out: bytearray) -> None:
    at = 0

    def more(length: int) -> int:
        nonlocal at
        if length == 15:
            while (byte := block[at]) == 255:
                at, length = at + 1, length + 255
            at, length = at + 1, length + byte
        return length

    while at < len(block):
        token = block[at]
        at += 1
        literals = more(token >> 4)
        out += block[at : at + literals]
        at += literals
        if at >= len(block):
            return
        offset = int.from_bytes(block[at : at + 2], "little")
        at += 2
        length = more(token & 15) + 4
        start = len(out) - offset
        while length:  # a match may overlap its own output
            part = out[start : start + length]
            out += part
            start, length = start + len(part), length - len(part)


@dataclass
class Term:
    """A run of chunks of one xorb."""

    xorb: str
    length: int
    start: int
    stop: int


def files(shard: bytes) -> dict[str, tuple[str, list[Term]]]:
    """The files of an uploaded shard: SHA-256 -> Xet hash and terms."""
    result, at = {}, 48
    while shard[at : at + 32] != BOOKEND:
        name = text(shard[at : at + 32])
        flags, count = struct.unpack_from("<II", shard, at + 32)
        at += 48
        terms = []
        for _ in range(count):
            _, length, start, stop = struct.unpack_from("<4I", shard, at + 32)
            terms.append(Term(text(shard[at : at + 32]), length, start, stop))
            at += 48
        at += 48 * count * (flags >> 31)  # records for verification
        if flags >> 30 & 1:
            result[text(shard[at : at + 32])] = (name, terms)
            at += 48
    return result
