"""Photometric effects: each takes an image and returns an image of the same size, uint8 (H, W, 3) RGB.

None receives the coverage, so none can change the ground truth.
"""
