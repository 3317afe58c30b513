"""Decisions: a spec and an index become a recipe. This package touches no pixel."""
