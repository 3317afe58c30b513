"""The assets that a spec names: fonts and their glyphs, lines of text, background pictures."""
