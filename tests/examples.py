"""How many examples Hypothesis draws where the usual number is too few."""

from hypothesis import settings

USUAL, THOROUGH = 20, 80


def thorough(count: int) -> settings:
    """That many in the profile ``thorough``, and in any other as much fewer as that has fewer."""
    return settings(max_examples=max(1, count * settings().max_examples // THOROUGH))
