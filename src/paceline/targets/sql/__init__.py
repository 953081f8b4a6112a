"""Databases as targets: statements over connections of their own, timed at the driver's cursor."""
