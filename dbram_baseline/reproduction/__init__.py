"""The tables of the DB-RAM paper, measured again."""
