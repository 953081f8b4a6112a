"""What is measured: setup, invoke and teardown of one operation."""
