"""What a screen is shown of several loads: their sums, on one time line."""

from paceline.campaign.together import Member, _Sum
from paceline.engine.request import LoadNow, RunRequest
from paceline.records.latency import Latency
from paceline.records.run_record import RunRecord, TestType
from paceline.targets.http import HttpTarget
from paceline.workload.models import ClosedLoop, FixedIterations, Workload
from tests.fakes import MS, make_latency, make_record


class Shown:
    def __init__(self) -> None:
        self.moments: list[tuple[str, float, int, LoadNow | None]] = []
        self.slices: list[str] = []

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        self.moments.append((record_name, share, attempts, load))

    def partial(self, record: RunRecord) -> None:
        self.slices.append(record.name)


def _member(name: str, workload: Workload, start_s: float = 0.0) -> Member:
    target = HttpTarget("http://localhost")
    request = RunRequest(name, TestType.API_ENDPOINT, target, workload, warmup_s=1.0, own_process=True)
    return Member(request, start_s=start_s)


def _now(elapsed_s: float, *, per_second: float, errors: int, in_flight: int, ms: int, cpu: float | None) -> LoadNow:
    latency = make_latency([ms * MS] * 10, keep_samples=False)
    return LoadNow(elapsed_s, per_second, errors, in_flight, latency, cpu)


def _shown(latency: Latency) -> int:
    return latency.histogram.count


def test_sums_of_all_that_are_under_way() -> None:
    shown = Shown()
    both = _Sum(shown, [_member("a", ClosedLoop(1, 10)), _member("b", ClosedLoop(1, 5), start_s=4)])
    both.progress("a", 0.5, 100, _now(5, per_second=20, errors=1, in_flight=2, ms=10, cpu=30))
    both.progress("b", 0.2, 10, _now(1, per_second=5, errors=2, in_flight=1, ms=20, cpu=None))
    name, share, attempts, load = shown.moments[-1]
    assert (name, share, attempts) == ("2 scenarios: a, b", 6 / 11, 110)  # both have come to the sixth second
    assert load is not None
    assert (load.elapsed_s, load.per_second, load.errors, load.in_flight, load.cpu_percent) == (6, 25, 3, 3, 30)
    assert _shown(load.latency) == 20
    both.over("b")
    both.progress("a", 0.9, 180, _now(9, per_second=19, errors=1, in_flight=2, ms=10, cpu=31))
    _, share, attempts, load = shown.moments[-1]
    assert load is not None
    # What is over has no rate any more; its attempts and errors were made.
    assert (share, attempts, load.per_second, load.in_flight, load.errors) == (10 / 11, 190, 19, 2, 3)


def test_a_number_of_attempts_has_no_time_line() -> None:
    shown = Shown()
    both = _Sum(shown, [_member("a", FixedIterations(100)), _member("b", ClosedLoop(1, 5))])
    both.progress("b", 0.8, 10)
    both.progress("a", 0.25, 25)
    assert shown.moments[-1] == ("2 scenarios: a, b", 0.25, 35, None)
    both.partial(make_record(name="a"))
    assert shown.slices == ["a"]
