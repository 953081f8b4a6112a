"""A service that keeps sales records: what Paceline's performance suite in ``tests/perf`` measures."""
