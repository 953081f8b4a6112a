"""Maths: numbers in, numbers out. Knows no record."""
