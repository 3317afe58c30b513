"""Pixels: a recipe becomes an image and its ground truth. Nothing is decided here."""
