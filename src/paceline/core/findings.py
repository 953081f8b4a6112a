"""Findings: warnings as data. What was seen, why it matters, what to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about the validity of a run.

    Attributes:
        code: stable kebab-case name, to be filtered by; ``docs/findings.md`` lists them all.
        seen: what was observed, with its numbers.
        why: why it matters for the figures.
        advice: what the reader can do about it.
        serious: whether it makes a run that broke no threshold a WARNING instead of a pass.
    """

    code: str
    seen: str
    why: str
    advice: str
    serious: bool = False

    def __str__(self) -> str:
        """One paragraph for people."""
        return f"{self.seen} {self.why} {self.advice}"
