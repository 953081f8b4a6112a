"""The scenario of the bench: users that do nothing but ask and wait."""

import os

from paceline import Scenario, User


async def ask(user: User) -> None:
    """One request, which is the dearest way: the beginning of an iteration is paid for each."""
    await user.client.get("/")


scenario = Scenario(ask, os.environ["BENCH_URL"])
