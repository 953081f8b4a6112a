"""What a stored session contributes to a baseline: plain data, filled in by ``store``, compared by ``judge``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from paceline.core.units import NS_PER_MS
from paceline.records.database import Plan
from paceline.records.metrics import PerformanceMetrics, metrics_of
from paceline.records.quantities import (
    ERROR_RATE,
    MEAN,
    MEDIAN,
    P95,
    P99,
    PEAK_RSS,
    THROUGHPUT,
    Quantity,
)
from paceline.records.run_record import Definition, RunRecord

FIGURE_OF = {
    MEDIAN.key: "median_time_ms",
    MEAN.key: "mean_time_ms",
    P95.key: "p95_time_ms",
    P99.key: "p99_time_ms",
    THROUGHPUT.key: "throughput_ops_per_sec",
    ERROR_RATE.key: "error_rate",
    PEAK_RSS.key: "peak_rss_bytes",
}
# The numbers of the specification's metrics, and what is compared beyond them.
FIGURES = (
    *(each.name for each in fields(PerformanceMetrics) if each.type in {"float", "int", float, int}),
    FIGURE_OF[PEAK_RSS.key],
)
_PER_UNIT = {"ns": NS_PER_MS}  # of a quantity to its figure


@dataclass(frozen=True)
class BaselineSession:
    """The figures of one test in one session.

    Attributes:
        session_id: equal for all tests of a session; saving again replaces.
        saved_at: ISO 8601, UTC.
        fingerprint: key of machine and interpreter; empty in files of the older flat form.
        metrics: figures by the specification's names, such as ``median_time_ms``; of a replicated run the medians over
            its processes.
        definition: what was asked for; None in files of the older flat form.
        booted_at: when the machine was started, ISO 8601, UTC; None where that is not known.
        calibration_ns: of the calibration workload in that session; None where it was not run.
        reference: whether it belongs to the level that later sessions are held against.
        plans: of a database's statements.
    """

    session_id: str
    saved_at: str
    fingerprint: str
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    definition: Definition | None = None
    booted_at: str | None = None
    calibration_ns: float | None = None
    reference: bool = False
    plans: tuple[Plan, ...] = ()

    def value(self, quantity: Quantity) -> float | None:
        """A quantity in its figure's unit (milliseconds for times); None where the session has none."""
        return self.metrics.get(FIGURE_OF[quantity.key])


def session_of(
    record: RunRecord, session_id: str, saved_at: str, calibration_ns: float | None = None
) -> BaselineSession:
    """What ``record`` contributes to a baseline.

    Args:
        calibration_ns: of the session, where the record does not know it.
    """
    circumstances = record.circumstances
    known = circumstances.calibration_ns
    return BaselineSession(
        session_id=session_id,
        saved_at=saved_at,
        fingerprint=record.fingerprint.key,
        metrics=_figures(record),
        definition=record.definition,
        booted_at=circumstances.booted_at,
        calibration_ns=calibration_ns if known is None else known,
        plans=() if record.database is None else record.database.plans,
    )


def _figures(record: RunRecord) -> dict[str, float | None]:
    metrics = metrics_of(record)
    # Floats from the start, as they are read back: a session must not change when another is added to its file.
    figures: dict[str, float | None] = {
        name: float(getattr(metrics, name)) for name in FIGURES if hasattr(metrics, name)
    }
    figures[FIGURE_OF[PEAK_RSS.key]] = _peak_rss_bytes(record)
    if record.replication is not None:
        # One process is one observation of what chance gave it: the merged attempts of several would hide that.
        for quantity in (MEDIAN, MEAN, P95, P99, THROUGHPUT, ERROR_RATE, PEAK_RSS):
            value = record.replication.value(quantity)
            if value is not None:
                figures[FIGURE_OF[quantity.key]] = float(value) / _PER_UNIT.get(quantity.unit, 1)
    return figures


def _peak_rss_bytes(record: RunRecord) -> float | None:
    usage = record.usage.targets[0] if record.usage.targets else record.usage.process
    return None if usage.memory_bytes is None else float(usage.memory_bytes.maximum)
