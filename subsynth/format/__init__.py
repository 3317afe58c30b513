"""The on-disk format: columns, shards, the manifest, PNG files, content digests."""
