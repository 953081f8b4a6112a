"""How: what load is put on a target, as frozen data."""
