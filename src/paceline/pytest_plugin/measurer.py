"""Who measures in the place of the fixtures, where a session is one side of a duet."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

_Function = Callable[[], Any]


class Measurer(Protocol):
    """Measures what fixtures are given, as somebody else orders it."""

    def measured(self, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401  # what the method returns
        """What the method of the framework with these ``arguments`` returns."""

    async def ameasured(self, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401  # likewise
        """The same on the running event loop."""

    def perform(
        self,
        operation: _Function,
        before: _Function | None = None,
        setup: _Function | None = None,
        teardown: _Function | None = None,
    ) -> None:
        """Measure ``operation``; ``before`` is called before each call, the others once, all outside its time."""

    async def aperform(
        self,
        operation: _Function,
        before: _Function | None = None,
        setup: _Function | None = None,
        teardown: _Function | None = None,
    ) -> None:
        """The same on the running event loop."""
