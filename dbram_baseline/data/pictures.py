"""How picture files are decoded, the same way for pages, frames, ground truths and the rows of a set.

Pictures are turned upright as their EXIF data says, reduced to 8 bits per plane, and laid over one colour where they
are transparent. The colour is white, or black if what is visible is mostly light: text remains visible that is drawn
by transparency alone.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dbram_baseline.arrays import U8
from dbram_baseline.errors import BaselineError, reason
from dbram_baseline.files import read_file

MAX_FILE = 1 << 30  # bytes
MAX_PIXELS = 1 << 27
# Of damaged tags, which change no pixel, and of sizes, for which MAX_PIXELS is checked.
warnings.filterwarnings("ignore", module=r"PIL\.")


class PictureError(BaselineError):
    """A picture cannot be decoded. The message is the reason, without the name of the picture."""


def read_picture(path: Path, grey: bool = False) -> U8:
    """Decode a picture file, as `decode_picture` does. Raises PictureError, and BaselineError if it is no file."""
    return decode_picture(read_file(path, MAX_FILE), grey)


def decode_picture(content: bytes, grey: bool = False) -> U8:
    """Decode the content of a picture file: RGB (H, W, 3), or if `grey`, luma (H, W). Raises PictureError."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise PictureError(f"{image.width} x {image.height} px are more than {MAX_PIXELS:,}; cut or reduce it")
            upright = ImageOps.exif_transpose(_to_8_bits(image))
            return np.array(flatten_alpha(upright).convert("L" if grey else "RGB"))
    except (PictureError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(f"more than {MAX_PIXELS:,} px; cut or reduce it") from error
    except UnidentifiedImageError as error:
        raise PictureError("its format is not known" if content else "it is empty") from error
    except Exception as error:  # Pillow's decoders raise many kinds of error for damaged files
        raise PictureError(reason(error)) from error


def flatten_alpha(image: Image.Image) -> Image.Image:
    """An image without transparency: laid over white, or over black if what is visible is mostly light."""
    if "A" not in image.getbands() and "a" not in image.getbands() and "transparency" not in image.info:
        return image
    layer = image.convert("RGBA")
    alpha = np.asarray(layer.getchannel("A"), dtype=np.float64)
    light = float((np.asarray(layer.convert("L")) * alpha).sum() / max(alpha.sum(), 1.0))
    backdrop = Image.new("RGBA", layer.size, "black" if light > 127.5 else "white")
    backdrop.alpha_composite(layer)
    return backdrop.convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """An image with 8 bits per plane, the higher ones of 16."""
    if not image.mode.startswith(("I", "F")):
        return image
    if not image.mode.startswith("I;16") and not (image.mode == "I" and image.format == "PNG"):
        raise PictureError(f"mode {image.mode}, 32 bits per pixel; save it with 8 or 16")
    high_bits = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    transparent = image.info.get("transparency")  # of a 16-bit PNG: the level that is transparent
    if isinstance(transparent, int):
        high_bits.putalpha(Image.fromarray(np.where(np.asarray(image) == transparent, 0, 255).astype(np.uint8)))
    high_bits.info["exif"] = image.getexif().tobytes()
    return high_bits
