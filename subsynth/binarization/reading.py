"""Reading the text of subtitles by rapidocr, whose wheel contains its models."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from subsynth.binarization.outputs import PICTURES
from subsynth.binarization.result import Result
from subsynth.core.errors import MaterialError
from subsynth.core.pixels import U8

MARGIN = 0.25  # heights of a line around it


class TextReader:
    """Reads the lines of cropped frames, from their pictures (`output` of PICTURES) or from the frames (None).

    It may be called from several threads, which read one after the other. Raises MaterialError without rapidocr.
    """

    def __init__(self, output: str | None = None):
        try:
            from rapidocr import RapidOCR  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MaterialError(
                f"--read: rapidocr is not installed ({error}); pip install '.[ocr]' in a clone of subsynth"
            ) from error
        self._engine: Any = RapidOCR(params={"Global.log_level": "error"})
        self._output = output
        self._lock = threading.Lock()

    def __call__(self, frame: U8, result: Result) -> str:
        """The text of the lines of a result, separated by line breaks."""
        picture = frame if self._output is None else PICTURES[self._output](frame, result)
        if picture.ndim == 2:
            picture = np.repeat(picture[:, :, None], 3, axis=2)
        texts = []
        for box, _ in result.lines:
            margin = max(2, round(MARGIN * box.height))
            rows = slice(max(0, box.y0 - margin), box.y1 + margin)
            columns = slice(max(0, box.x0 - margin), box.x1 + margin)
            line = np.ascontiguousarray(picture[rows, columns, ::-1])
            with self._lock:
                read = self._engine(line, use_det=False, use_cls=False, use_rec=True)
            texts.append(" ".join(read.txts or ()).strip())
        return "\n".join(text for text in texts if text)
