"""What a load adds to a run's record: arrivals, traffic, the generator's own health, parts by name."""

from dataclasses import dataclass, field

from paceline.records.latency import Latency
from paceline.records.recorder import Counts


@dataclass(frozen=True)
class Part:
    """The attempts of one named request among several.

    Attributes:
        name: of the request.
        counts: how they ended.
        latency: the distribution; in an open loop from when they were due.
        service: in an open loop, from when they were sent; None in a closed one, where that is the same.
    """

    name: str
    counts: Counts
    latency: Latency
    service: Latency | None = None


@dataclass(frozen=True)
class Arrivals:
    """How well an open loop kept its schedule. Lag is lateness against the intended start.

    Attributes:
        planned: arrivals of the schedule, those dropped included.
        late: started more than 1 ms after their intended start.
        lag: intended start to written.
        generator_lag: intended start to noticed; the generator's own share.
        connection_wait: noticed to written; what a busy or frozen server makes.
        service: written to answered, where the response time that is judged counts from the intended start.
    """

    planned: int = 0
    late: int = 0
    lag: Latency = field(default_factory=Latency)
    generator_lag: Latency = field(default_factory=Latency)
    connection_wait: Latency = field(default_factory=Latency)
    service: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True)
class StatusCount:
    """Answers of one HTTP status."""

    code: int
    count: int


@dataclass(frozen=True)
class Traffic:
    """What went over the connections in the window.

    Attributes:
        sent_bytes: of requests, before encryption.
        received_bytes: of answers as they came (a compressed body counts compressed), before encryption.
        statuses: answers by status, ascending; not those of redirects that were followed.
        connections: open when the window began, or opened for the first time within it.
        reconnects: opened within it in place of one that was lost.
        closed_by_server: connections that the server ended.
        resent: requests sent again because the server had closed the idle connection under them.
        dns: time to resolve the host, once a run.
        connect: time of the TCP handshakes, those before the window included.
        tls: time of the TLS handshakes, likewise.
        first_byte: written to the first byte of the answer.
    """

    sent_bytes: int = 0
    received_bytes: int = 0
    statuses: tuple[StatusCount, ...] = ()
    connections: int = 0
    reconnects: int = 0
    closed_by_server: int = 0
    resent: int = 0
    dns: Latency = field(default_factory=Latency)
    connect: Latency = field(default_factory=Latency)
    tls: Latency = field(default_factory=Latency)
    first_byte: Latency = field(default_factory=Latency)


@dataclass(frozen=True)
class Probe:
    """An independent client beside the load, in a process of its own.

    Attributes:
        per_second: requests it sent a second.
        counts: how its requests ended.
        latency: from their intended start.
        service: written to answered.
        generator_lag: its own lag in noticing that a request was due.
        part: the name that its requests go by in the load, where they are not those of the whole load.
    """

    per_second: float
    counts: Counts = field(default_factory=Counts)
    latency: Latency = field(default_factory=Latency)
    service: Latency = field(default_factory=Latency)
    generator_lag: Latency = field(default_factory=Latency)
    part: str = ""


@dataclass(frozen=True, slots=True)
class BeforeStart:
    """What was seen of a worker before it made its leg of a load. None: its machine does not tell.

    Attributes:
        clock_ahead_ns: how far its time of day was ahead; a common start does not depend on that.
        clock_error_ns: how far its start may be from the others', as its clock was read: half of a round trip to it.
        cores: that its machine runs.
        busy_cores: of them, on average, over the half second in which it was looked at.
        busy_with: the busiest of the processes that were not its own, by their names.
        stolen_share: of all cores' time, that a hypervisor gave to other guests.
        load_1min: runnable threads over the last minute.
        open_files: how many each of its processes may have.
    """

    clock_ahead_ns: int | None = None
    clock_error_ns: int | None = None
    cores: int | None = None
    busy_cores: float | None = None
    busy_with: tuple[str, ...] = ()
    stolen_share: float | None = None
    load_1min: float | None = None
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class LegRun:
    """One of several processes that made a load together.

    Attributes:
        counts: how its attempts ended, as far as it is known.
        planned: arrivals of its share; None of a closed loop.
        delivered: part of its share of the load that is known to have been made, in [0, 1].
        busiest_percent: CPU of its thread in its busiest second; 100 is one core.
        generator_lag_p99_ns: of its arrivals; None of a closed loop.
        start_skew_ns: how long after the agreed moment its window opened; None where it never did.
        lost: why it did not come to its end, in words that follow 'it'; empty where it did.
        lost_at_ns: when it was last heard of, from the start; None where it came to its end.
        machine: address of the worker that it was made on; empty on the machine that asked for the load.
        cpu_percent: of its process over the window; 100 is one core. None where that is not known, as of all below.
        memory_bytes: the most that its process was seen to hold.
        host_cpu_percent: of the whole machine that it ran on, over the window; 100 is one core.
        host_memory_percent: of that machine's memory, the most that was seen in use.
        host_cores: of that machine.
        before: what was seen of its worker before the start; None on the machine that asked for the load.
    """

    counts: Counts
    planned: int | None = None
    delivered: float = 1.0
    busiest_percent: float = 0.0
    generator_lag_p99_ns: float | None = None
    start_skew_ns: int | None = None
    lost: str = ""
    lost_at_ns: int | None = None
    machine: str = ""
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    host_cpu_percent: float | None = None
    host_memory_percent: float | None = None
    host_cores: int | None = None
    before: BeforeStart | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a plan, in which the load goes linearly from one level to another.

    Attributes:
        duration_s: its length.
        level: arrivals a second, or users, when it begins.
        target: when it ends.
    """

    duration_s: float
    level: float
    target: float


@dataclass(frozen=True)
class LoadRecord:
    """What a load adds to a run's record.

    Attributes:
        cpu_percent: of the generating thread, for each second of the window; 100 is one core. Of several processes,
            of the busiest.
        own_process: whether the load ran in a process that did nothing else.
        arrivals: of an open loop.
        traffic: of targets with connections.
        parts: by name, where there may be several.
        iterations: of a scenario: how often virtual users went through it.
        probe: of a second, independent client.
        legs: of several processes that made it together, in order; none where there was one.
        tolerated_loss: part of the load that may be lost with legs, in [0, 1].
        stretches: of a load that changes by plan, in order: of arrivals a second where there are arrivals, else of
            users. None of a load that stays as it is, and none in files older than this.
        joined_late: addresses of workers that came to the cluster after the start, and took no part.
        dry: whether no server was asked: the answers came from the generator's own memory.
    """

    cpu_percent: tuple[float, ...] = ()
    own_process: bool = False
    arrivals: Arrivals | None = None
    traffic: Traffic | None = None
    parts: tuple[Part, ...] = ()
    iterations: int | None = None
    probe: Probe | None = None
    legs: tuple[LegRun, ...] = ()
    tolerated_loss: float = 0.0
    stretches: tuple[Stretch, ...] = ()
    joined_late: tuple[str, ...] = ()
    dry: bool = False
