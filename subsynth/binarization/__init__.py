"""Binarization: subtitles separated from pictures and films by the bundled network, with onnxruntime, without torch."""
