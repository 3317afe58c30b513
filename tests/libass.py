"""libass, the renderer of players and of ffmpeg, by ctypes: fill, outline and shadow as separate soft bitmaps."""

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


class Track:
    """A script (the text of an .ass file), with the fonts that it names, at the size of a frame (H, W)."""

    def __init__(self, script: str, fonts: dict[str, Path], shape):
        self.ass, (self.height, self.width) = load(), shape
        self.context = self.ass.ass_library_init()
        self.ass.ass_set_message_cb(self.context, ctypes.cast(SILENT, ctypes.c_void_p), None)
        for name, path in fonts.items():
            content = path.read_bytes()
            self.ass.ass_add_font(self.context, name.encode(), content, len(content))
        self.renderer = self.ass.ass_renderer_init(self.context)
        self.ass.ass_set_frame_size(self.renderer, self.width, self.height)
        self.ass.ass_set_fonts(self.renderer, None, next(iter(fonts)).encode(), PROVIDER_NONE, None, 1)
        content = script.encode()
        self.track = self.ass.ass_read_memory(self.context, content, len(content), None)

    def layers(self, milliseconds: int):
        """What is shown at a time -> uint8 (3, H, W): fill, outline and shadow, with their opacity."""
        image = self.ass.ass_render_frame(self.renderer, self.track, milliseconds, None)
        layers = np.zeros((3, self.height, self.width), np.uint8)
        while image:
            part = image.contents
            if part.w and part.h:
                rows = np.ctypeslib.as_array(part.bitmap, (part.stride * (part.h - 1) + part.w,))
                bitmap = np.lib.stride_tricks.as_strided(rows, (part.h, part.w), (part.stride, 1))
                opacity = 255 - (part.color & 255)
                area = layers[part.type, part.dst_y : part.dst_y + part.h, part.dst_x : part.dst_x + part.w]
                seen = bitmap[: area.shape[0], : area.shape[1]].astype(np.uint16) * opacity // 255
                np.maximum(area, seen.astype(np.uint8), out=area)
            image = part.next
        return layers

    def close(self):
        self.ass.ass_free_track(self.track)
        self.ass.ass_renderer_done(self.renderer)
        self.ass.ass_library_done(self.context)


def draw(font: Path, family: str, size: float, text: str, shape, outline=0.0, shadow=0.0):
    """Text in the middle of a frame of `shape` (H, W) -> uint8 (3, H, W): fill, outline and shadow."""
    height, width = shape
    values = {"width": width, "height": height, "family": family, "size": size, "outline": outline, "shadow": shadow}
    track = Track(SCRIPT.format(text=text.replace("\n", "\\N"), **values), {family: font}, shape)
    layers = track.layers(1000)
    track.close()
    return layers
