"""Ground: errors, units, the clock, findings, redaction."""
