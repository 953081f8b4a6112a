"""Lasting data: the one JSON codec, the baselines, the journal. The only writers of files."""
