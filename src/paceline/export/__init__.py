"""Foreign formats: figures leaving for other tools."""
