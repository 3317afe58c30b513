"""Bundled material: fonts, photographs and sentences, each with its licences."""
