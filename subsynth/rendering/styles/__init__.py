"""How subtitles are dressed: fill, outline, shadow, box, as in the ASS subtitle vocabulary.

Each takes the coverage of the glyphs and gives the alpha of one layer; none touches the coverage itself.
"""
