"""Classical binarization: thresholds, and the graph cut of Howe."""
