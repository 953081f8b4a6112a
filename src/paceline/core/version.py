"""The version: stands once, here."""

__version__ = "0.1.0"
