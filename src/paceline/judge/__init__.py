"""Decide: thresholds, comparison with a baseline, findings. Sees records only."""
