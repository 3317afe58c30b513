"""Bundled sentences: en.tsv.gz, zh.tsv.gz and their sources."""
