"""Around: CPU, memory, disk I/O while a target runs, and which machine it is."""
