"""Reading pictures of any kind as RGB of 8 bits, upright, without transparency."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from subsynth.assets.pictures import flatten_alpha
from subsynth.core.errors import MaterialError
from subsynth.core.files import read_regular_file
from subsynth.core.pixels import U8

MAX_FILE = 1 << 30  # bytes
MAX_PIXELS = 1 << 27
# Of damaged tags, which change no pixel, and of sizes, for which MAX_PIXELS is checked.
warnings.filterwarnings("ignore", module=r"PIL\.")


def read_picture(path: Path) -> U8:
    """Decode a picture file -> RGB uint8 (H, W, 3). Raises MaterialError.

    It is turned upright as its EXIF data says, reduced to 8 bits per plane, and laid over one colour where it is
    transparent (see `flatten_alpha`). Animations, of which no single picture is meant, are refused.
    """
    content = read_regular_file(path, "picture", "name a picture", MAX_FILE, MaterialError)
    try:
        with Image.open(io.BytesIO(content)) as image:
            return _decode(image)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of error for damaged files
        raise MaterialError(f"picture {path}: {_reason(error, content)}") from error


def _decode(image: Image.Image) -> U8:
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"{image.width} x {image.height} px are more than {MAX_PIXELS:,}; cut or reduce it")
    if getattr(image, "is_animated", False) and image.format != "MPO":  # a photograph with a preview or a second view
        frames = getattr(image, "n_frames", 2)
        raise ValueError(f"it has {frames} frames; save the one that is meant, or convert it to a video")
    return np.array(flatten_alpha(ImageOps.exif_transpose(_to_8_bits(image))))


def _to_8_bits(image: Image.Image) -> Image.Image:
    """An image with 8 bits per plane, the higher ones of 16."""
    if not image.mode.startswith(("I", "F")):
        return image
    if not image.mode.startswith("I;16") and not (image.mode == "I" and image.format in ("PNG", "PPM")):
        raise ValueError(f"it has 32 bits per pixel (mode {image.mode}); save it with 8 or 16")
    reduced = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    transparent = image.info.get("transparency")  # of a 16-bit PNG: the level that is transparent
    if isinstance(transparent, int):
        reduced.putalpha(Image.fromarray(np.where(np.asarray(image) == transparent, 0, 255).astype(np.uint8)))
    reduced.info["exif"] = image.getexif().tobytes()
    return reduced


def _reason(error: Exception, content: bytes) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its format is not known; name a picture or a video" if content else "it is empty; name a picture"
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {MAX_PIXELS:,} px; cut or reduce it"
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return reason if isinstance(error, ValueError) and ";" in reason else f"it cannot be read ({reason}); replace it"
