"""Was the machine busy with other things? The finding ``host-busy``, from both sides of its borders."""

import pytest

from paceline.judge.diagnosis import diagnose
from paceline.records.metrics import metrics_of
from paceline.records.resources import Gauge, ResourceUsage, SystemUsage
from paceline.records.run_record import Definition, Execution
from tests.fakes import make_record


def _usage(subject: str, percent: float | None) -> ResourceUsage:
    return ResourceUsage(subject, cpu_percent=None if percent is None else Gauge(0.0, percent, 400.0))


def _seen(
    host: float | None, process: float | None, targets: tuple[float, ...] = (), cores: int | None = 4, workers: int = 1
) -> tuple[str, str] | None:
    record = make_record(
        definition=Definition(iterations=2_000, workers=workers, execution=Execution.THREADS),
        usage=SystemUsage(
            _usage("host", host), _usage("process", process), tuple(_usage("target", each) for each in targets), cores
        ),
    )
    found = [each for each in diagnose(record, metrics_of(record), None) if each.code == "host-busy"]
    assert all(not finding.serious for finding in found)
    return (found[0].seen, found[0].why) if found else None


@pytest.mark.parametrize(
    ("host", "process", "targets", "cores", "found"),
    [
        (360.0, 100.0, (), 4, True),
        (359.9, 100.0, (), 4, False),  # not full
        (400.0, 320.0, (), 4, True),
        (400.0, 320.1, (), 4, False),  # full of this process
        (400.0, 100.0, (220.0,), 4, True),
        (400.0, 100.0, (200.0, 20.1), 4, False),  # full of what is measured
        (None, 100.0, (), 4, False),
        (400.0, None, (), 4, False),
        (400.0, 100.0, (), None, False),
        (200.0, 60.0, (), 2, True),
    ],
)
def test_borders(
    host: float | None,
    process: float | None,
    targets: tuple[float, ...],
    cores: int | None,
    found: bool,  # noqa: FBT001
) -> None:
    assert (_seen(host, process, targets, cores) is not None) is found


def test_text() -> None:
    one, several = _seen(390.0, 100.0, (50.0,)), _seen(390.0, 100.0, (50.0,), workers=2)
    assert one is not None
    assert several is not None
    assert one[0] == "The machine was full (390 % of 400 %), 240 % of it by other processes."
    assert one[1] == "Attempts waited for a core, which is in their latency."
    assert several[1].endswith("whether the workers waited for the interpreter lock cannot be told.")
