"""Bundled photographs: files, attribution and catalogue.tsv."""
