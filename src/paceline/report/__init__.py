"""Out: pure renderers of finished verdicts. They format; they conclude nothing."""
