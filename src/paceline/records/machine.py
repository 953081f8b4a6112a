"""What a machine says of itself, and what else it did while something was measured. None: it does not tell."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """Settings and surroundings that bear on timings.

    Attributes:
        clock_source: what the kernel reads the time from, such as ``tsc``.
        governors: of frequency scaling, each that some core has.
        boost: whether cores may run above their nominal frequency.
        hypervisor: what it is a guest of; ``none`` on bare metal.
        container: what kind of one this process is in; ``none`` outside.
        cores_online: that the machine runs.
        cores_usable: that this process may use.
        cores_isolated: that the scheduler puts nothing on by itself.
        threads_share_cores: whether two of the "cores" are one, seen twice (SMT).
        has_cpu_quota: whether a control group limits the CPU time.
        cpu_quota_cores: to so many cores.
        load_1min: runnable threads over the last minute, before anything was measured.
        swap_used_bytes: of the machine.
        open_files: how many this process may have; the most it may ask for is ``open_files_most``.
        open_files_most: see ``open_files``.
    """

    clock_source: str | None = None
    governors: tuple[str, ...] | None = None
    boost: bool | None = None
    hypervisor: str | None = None
    container: str | None = None
    cores_online: int | None = None
    cores_usable: int | None = None
    cores_isolated: tuple[int, ...] | None = None
    threads_share_cores: bool | None = None
    has_cpu_quota: bool | None = None
    cpu_quota_cores: float | None = None
    load_1min: float | None = None
    swap_used_bytes: int | None = None
    open_files: int | None = None
    open_files_most: int | None = None


@dataclass(frozen=True, slots=True)
class OtherProcess:
    """A process that is none of ours.

    Attributes:
        name: its program's, without arguments.
        cores: that it used on average.
    """

    name: str
    cores: float


@dataclass(frozen=True)
class Company:
    """What went on beside a measurement.

    Attributes:
        elapsed_s: for how long it was watched.
        others_cores: cores that other processes used on average.
        others: the busiest of them; those that came and went in between are only in ``others_cores``.
        stolen_share: of all cores' time, that the hypervisor gave to other guests.
        switches_per_s: of the whole machine, from one thread to another.
        frequency_mhz: of the cores on average, each time it was looked at.
        throttled_share: of the time, that a control group's limit held its processes up.
        swapped_pages: in and out.
        memory_stalled_share: of the time, in which some task waited for memory.
    """

    elapsed_s: float = 0.0
    others_cores: float | None = None
    others: tuple[OtherProcess, ...] = ()
    stolen_share: float | None = None
    switches_per_s: float | None = None
    frequency_mhz: tuple[float, ...] = ()
    throttled_share: float | None = None
    swapped_pages: int | None = None
    memory_stalled_share: float | None = None
