"""Engines: who renders the shards."""
