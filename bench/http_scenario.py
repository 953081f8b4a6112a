"""The scenario of the bench: users that do nothing but ask and wait."""

import os

from paceline import Scenario, User


async def ask(user: User) -> None:
    """Some requests, as of a visit: the client is what is measured, not the beginning of a visit."""
    for _ in range(10):
        await user.client.get("/")


scenario = Scenario(ask, os.environ["BENCH_URL"])
