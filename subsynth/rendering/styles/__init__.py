"""Styles of subtitles: outline, shadow and box, as in the ASS subtitle format.

Each takes the coverage of the glyphs and returns the alpha of one layer; none changes the coverage.
"""
