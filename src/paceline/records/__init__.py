"""Data: what was seen, as frozen, versioned, mergeable values."""
