"""Which code was measured."""

from dataclasses import dataclass

UNCOMMITTED = "-dirty"


@dataclass(frozen=True)
class Revision:
    """What was measured; empty texts where nobody knows.

    Attributes:
        branch: its name.
        commit: in full, followed by ``-dirty`` where the working tree differed from it.
    """

    branch: str = ""
    commit: str = ""

    @property
    def is_uncommitted(self) -> bool:
        """Whether the working tree differed from the commit."""
        return self.commit.endswith(UNCOMMITTED)
