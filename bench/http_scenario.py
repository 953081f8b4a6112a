"""The scenario of the bench: users that do nothing but ask and wait."""

import os

from paceline import Scenario, User


async def ask(user: User) -> None:
    """One request."""
    await user.client.get("/")


scenario = Scenario(ask, os.environ["BENCH_URL"])
