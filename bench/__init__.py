"""Paceline's own speed, as ratios of one interleaved run: ``python -m bench [NAME ...]``."""
