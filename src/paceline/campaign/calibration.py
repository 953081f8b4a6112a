"""The calibration workload: a piece of pure Python that no change of the code under test can touch.

It is timed once a session in which a baseline is loaded or saved, recorded always and never divided by: its
correlation with benchmarks was .04 to .61, and dividing made all of them worse. It says one thing only: that the
machine itself is slower today than it was. Cost: 7 rounds of about 7 ms, 50 ms a session.
"""

from statistics import median

from paceline.core.clock import Clock
from paceline.core.units import NS_PER_S

ROUNDS = 7
# Changing the workload makes a calibration of another kind: stored ones could not be compared with it.
_WORDS = 8_000


def calibrate(clock: Clock) -> float | None:
    """Nanoseconds that the workload takes, the median of seven rounds; None where the clock stood still."""
    took = []
    for _ in range(ROUNDS):
        started_s = clock.now_s()
        _workload()
        took.append(clock.now_s() - started_s)
    calibrated_ns = median(took) * NS_PER_S
    return calibrated_ns if calibrated_ns > 0 else None


def _workload() -> int:
    """What Python does all day: objects, text, a dictionary, a sort, arithmetic."""
    seen: dict[str, int] = {}
    state = 1
    for _ in range(_WORDS):
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
        word = f"{state % 4_096:x}"
        seen[word] = seen.get(word, 0) + len(word)
    ordered = sorted(seen.items(), key=lambda item: (item[1], item[0]))
    return sum(place * count for place, (_, count) in enumerate(ordered))
