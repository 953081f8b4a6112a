"""The HTML report: one file that opens from disk, loads nothing, and can be read without JavaScript."""
