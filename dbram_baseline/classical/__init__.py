"""Classical binarization methods."""
