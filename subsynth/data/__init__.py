"""Bundled assets: fonts, photographs and sentences, each with its licences."""
