"""Which machine and interpreter a figure belongs to."""

import hashlib
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Fingerprint:
    """Machine and interpreter. Figures with different fingerprints are not compared as equals.

    The machine's name is left out on purpose: it says nothing about speed and does not belong in a report.
    """

    cpu_model: str = "unknown"
    cpu_count: int | None = None
    memory_gib: int | None = None
    system: str = "unknown"
    kernel: str = "unknown"
    architecture: str = "unknown"
    python: str = "unknown"
    paceline: str = "unknown"

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits, equal for equal machines and interpreters.

        The kernel's release and Paceline's version are left out: both change every few weeks, and a
        baseline that starts anew each time would never have the sessions it needs.
        """
        facts = asdict(self)
        del facts["paceline"], facts["kernel"]
        return hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()[:12]
