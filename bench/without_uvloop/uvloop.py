"""Stands before the real one on the path where a bench wants asyncio's default loop."""

raise ImportError("hidden by the bench")
