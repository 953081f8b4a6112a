"""What the functions of a scenario are handed: one virtual user."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from paceline.scenario.client import Client


class User:
    """A virtual user.

    Attributes:
        client: sends requests, keeps this user's cookies.
        number: from 0.
        state: for the user functions' own values.
        random: this user's own; the same number draws the same in every run.
    """

    __slots__ = ("_think", "client", "number", "random", "state")

    def __init__(self, number: int, client: Client, think: Callable[[float], Awaitable[None]]) -> None:
        self.number = number
        self.client = client
        self.state: dict[str, Any] = {}
        self.random = Random(number)  # noqa: S311  # repeatable on purpose, guards nothing
        self._think = think

    def __repr__(self) -> str:
        return f"<User {self.number}>"

    async def think(self, seconds: float) -> None:
        """Do nothing for ``seconds``, or until the load ends.

        Raises:
            ConfigurationError: ``seconds`` is no number from 0.
        """
        await self._think(seconds)


UserFunction = Callable[[User], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Script:
    """What users do.

    Attributes:
        run: again and again.
        on_start: once before.
        on_stop: once after.
    """

    run: UserFunction
    on_start: UserFunction | None
    on_stop: UserFunction | None
