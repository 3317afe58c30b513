"""What a spec names, opened: fonts and their glyphs, lines of text, background pictures."""
