"""Decisions: a spec and an index become a recipe. No pixel is touched here."""
