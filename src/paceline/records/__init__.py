"""Data: what was seen, as frozen values."""
