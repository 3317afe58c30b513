"""Bundled fonts: files, licences and catalogue.tsv."""
