"""Pixels: a recipe becomes an image and its ground truth. This package decides nothing."""
