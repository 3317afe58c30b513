"""Where data sets are stored: a directory or an object store, behind one protocol."""
