"""CPU, memory and disk I/O of the measured window, as plain data that ``sysmon`` fills in.

100 % of CPU is one core. What the machine cannot tell is None, never 0.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Gauge:
    """Minimum, mean and maximum of a level over the window."""

    minimum: float
    mean: float
    maximum: float


@dataclass(frozen=True)
class ResourceSeries:
    """The samples behind a :class:`ResourceUsage`, all lists of one length.

    Attributes:
        offset_ms: time of each sample from the start of the window.
        cpu_percent: since the sample before (the first: None).
        memory_bytes: resident memory (host: used memory).
        disk_read_bytes: since the start of the window.
        disk_write_bytes: since the start of the window.
    """

    offset_ms: tuple[float, ...] = ()
    cpu_percent: tuple[float | None, ...] = ()
    memory_bytes: tuple[int | None, ...] = ()
    disk_read_bytes: tuple[int | None, ...] = ()
    disk_write_bytes: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class ResourceUsage:
    """What one subject used.

    Attributes:
        subject: ``host``, ``process`` (this process and its children) or ``target`` (a pid named by the user).
        pid: of a target.
        cpu_s: CPU seconds used in the window, user and system, children that exited included.
        cpu_percent: over the whole window as mean, between samples as minimum and maximum.
        memory_bytes: resident memory; of the host, memory in use.
        memory_percent: share of the host's memory.
        disk_read_bytes: read from storage in the window.
        disk_write_bytes: written to storage in the window.
        context_switches: voluntary and involuntary, in the window.
        series: the samples.
    """

    subject: str
    pid: int | None = None
    cpu_s: float | None = None
    cpu_percent: Gauge | None = None
    memory_bytes: Gauge | None = None
    memory_percent: Gauge | None = None
    disk_read_bytes: int | None = None
    disk_write_bytes: int | None = None
    context_switches: int | None = None
    series: ResourceSeries = field(default_factory=ResourceSeries)


@dataclass(frozen=True)
class SamplerCost:
    """What watching cost.

    Attributes:
        samples: how many were taken in the window.
        cpu_ns: CPU time of the sampler in the window.
        core_percent: the same as a share of one core over the window.
    """

    samples: int = 0
    cpu_ns: int = 0
    core_percent: float = 0.0


@dataclass(frozen=True)
class SystemUsage:
    """All subjects of one window."""

    host: ResourceUsage = field(default_factory=lambda: ResourceUsage("host"))
    process: ResourceUsage = field(default_factory=lambda: ResourceUsage("process"))
    targets: tuple[ResourceUsage, ...] = ()
    cpu_count: int | None = None
    sampler: SamplerCost = field(default_factory=SamplerCost)
