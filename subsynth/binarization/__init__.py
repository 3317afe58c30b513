"""Binarization: subtitles lifted off pictures and films by the bundled network, with onnxruntime and without torch."""
