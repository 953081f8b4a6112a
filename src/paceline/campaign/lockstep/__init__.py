"""Processes that walk the same tests in lock-step: one measures while the others wait."""
