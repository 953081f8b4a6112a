"""Whether something looks over the interpreter's shoulder: coverage, a debugger, a profiler."""

import sys
from collections.abc import Iterator

from paceline.core.findings import Finding


def tracing_findings() -> tuple[Finding, ...]:
    """A finding when every line or call of the code under test is being watched."""
    watchers = tuple(_watchers())
    if not watchers:
        return ()
    return (
        Finding(
            code="traced",
            seen=f"It was measured under {' and '.join(watchers)}.",
            why="Python code takes several times as long there, and not all code equally.",
            advice="Measure in a session without coverage, debugger and profiler: pytest --perf-only --no-cov.",
            serious=True,
        ),
    )


def _watchers() -> Iterator[str]:
    if sys.gettrace() is not None:
        yield "a tracer (coverage or a debugger)"
    if sys.getprofile() is not None:
        yield "a profiler"
    monitoring = getattr(sys, "monitoring", None)  # from Python 3.12 on
    if monitoring is not None:
        names = (monitoring.get_tool(tool) for tool in range(6))
        yield from (f"the monitoring tool {name!r}" for name in names if name is not None)
