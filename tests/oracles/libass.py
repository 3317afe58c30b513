"""libass, the renderer of subtitles in players and in ffmpeg, by ctypes: one line of text as separate soft bitmaps."""

import ctypes
import ctypes.util
from pathlib import Path

import numpy as np

PROVIDER_NONE = 0
FILL, OUTLINE, SHADOW = range(3)  # values of ASS_Image.type


class Image(ctypes.Structure):
    """ASS_Image: a bitmap of one layer, and the next one."""


Image._fields_ = [
    ("w", ctypes.c_int),
    ("h", ctypes.c_int),
    ("stride", ctypes.c_int),
    ("bitmap", ctypes.POINTER(ctypes.c_ubyte)),
    ("color", ctypes.c_uint32),
    ("dst_x", ctypes.c_int),
    ("dst_y", ctypes.c_int),
    ("next", ctypes.POINTER(Image)),
    ("type", ctypes.c_int),
]


def load():
    """The library with the types of its functions; None if it is not installed."""
    name = ctypes.util.find_library("ass")
    if name is None:
        return None
    ass = ctypes.CDLL(name)
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    for function, result, arguments in (
        ("ass_library_init", pointer, []),
        ("ass_set_message_cb", None, [pointer, pointer, pointer]),
        ("ass_renderer_init", pointer, [pointer]),
        ("ass_add_font", None, [pointer, ctypes.c_char_p, ctypes.c_char_p, integer]),
        ("ass_set_frame_size", None, [pointer, integer, integer]),
        ("ass_set_fonts", None, [pointer, ctypes.c_char_p, ctypes.c_char_p, integer, ctypes.c_char_p, integer]),
        ("ass_read_memory", pointer, [pointer, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]),
        ("ass_render_frame", ctypes.POINTER(Image), [pointer, pointer, ctypes.c_longlong, ctypes.POINTER(integer)]),
        ("ass_free_track", None, [pointer]),
        ("ass_renderer_done", None, [pointer]),
        ("ass_library_done", None, [pointer]),
    ):
        getattr(ass, function).restype = result
        getattr(ass, function).argtypes = arguments
    return ass


SILENT = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: None)

SCRIPT = """[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
ScaledBorderAndShadow: yes
Kerning: yes
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, Italic, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,{family},{size},&H00FFFFFF,&H00000000,&H00000000,0,0,1,{outline},{shadow},5,0,0,0,1
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,{text}
"""  # noqa: E501 - the format


def draw(font: Path, family: str, size: float, text: str, shape, outline=0.0, shadow=0.0):
    """Text in the middle of a frame of `shape` (H, W) -> uint8 (3, H, W): fill, outline and shadow."""
    ass, (height, width) = load(), shape
    library = ass.ass_library_init()
    ass.ass_set_message_cb(library, ctypes.cast(SILENT, ctypes.c_void_p), None)
    content = font.read_bytes()
    ass.ass_add_font(library, family.encode(), content, len(content))
    renderer = ass.ass_renderer_init(library)
    ass.ass_set_frame_size(renderer, width, height)
    ass.ass_set_fonts(renderer, None, family.encode(), PROVIDER_NONE, None, 1)
    values = {"width": width, "height": height, "family": family, "size": size, "outline": outline, "shadow": shadow}
    script = SCRIPT.format(text=text.replace("\n", "\\N"), **values).encode()
    track = ass.ass_read_memory(library, script, len(script), None)
    image, layers = ass.ass_render_frame(renderer, track, 1000, None), np.zeros((3, height, width), np.uint8)
    while image:
        part = image.contents
        if part.w and part.h:
            rows = np.ctypeslib.as_array(part.bitmap, (part.stride * (part.h - 1) + part.w,))
            bitmap = np.lib.stride_tricks.as_strided(rows, (part.h, part.w), (part.stride, 1))
            area = layers[part.type, part.dst_y : part.dst_y + part.h, part.dst_x : part.dst_x + part.w]
            np.maximum(area, bitmap[: area.shape[0], : area.shape[1]], out=area)
        image = part.next
    ass.ass_free_track(track)
    ass.ass_renderer_done(renderer)
    ass.ass_library_done(library)
    return layers
