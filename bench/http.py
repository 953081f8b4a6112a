"""HTTP load next to wrk and Locust on one server: ``python -m bench.http [--long] [SECTION ...]``.

Server and generator have a core each. Generators take turns: a ratio is formed within a round, the table shows
the median over rounds. A figure that falls short is printed as such; the exit code is 1 only where one could not
be taken.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Thread

from bench.figure import HEADINGS, Figure, row
from bench.http_generators import (
    GeneratorError,
    Seen,
    Watched,
    bare_arrivals_us,
    command_lag_us,
    locust,
    paceline,
    wrk,
)
from bench.http_servers import Nginx, ServerError, nginx
from bench.pairing import SEED, Spread

_CONNECTIONS = 50
_ROUNDS = 5
_SECONDS = 2  # of each generator in each round
_WARMUP_S = 0.5
_LATEST_START_S = 250.0  # beside the watching of memory; nothing is begun later, so that the whole is bounded
_MB = 1e6


@dataclass(frozen=True)
class Broken:
    """A figure that could not be taken.

    Attributes:
        name: of the figure, or of all that hang on it.
        why: what went wrong.
    """

    name: str
    why: str


Line = Figure | Broken


@dataclass(frozen=True)
class Bench:
    """Where a section runs.

    Attributes:
        server: the server.
        core: the generator's.
        memory_s: for how long the memory is watched.
        settled_s: when that begins.
    """

    server: Nginx
    core: int
    memory_s: int
    settled_s: float

    def closed(self, *, tls: bool = False) -> dict[str, object]:
        """Arguments of a load that keeps every connection busy."""
        base: dict[str, object] = {"connections": _CONNECTIONS, "duration_s": _SECONDS, "warmup_s": _WARMUP_S}
        if tls:
            return {**base, "url": self.server.tls_url, "ca_file": str(self.server.ca_file)}
        return {**base, "url": self.server.url}


def one(value: float) -> Spread:
    """A figure that was taken once."""
    return Spread(value, value, value)


def rates(bench: Bench) -> Iterator[Line]:
    """Answers a second at full speed, all generators in turn."""
    server, core = bench.server, bench.core
    busy: list[float] = []

    def reference() -> Seen:
        begun_s, used_s = time.perf_counter(), server.cpu_s()
        seen = wrk(server.url, _CONNECTIONS, _SECONDS, core)
        busy.append((server.cpu_s() - used_s) / (time.perf_counter() - begun_s))
        return seen

    sides: dict[str, Callable[[], Seen]] = {
        "wrk": reference,
        "wrk, TLS": lambda: wrk(server.tls_url, _CONNECTIONS, _SECONDS, core),
        "HttpTarget": lambda: paceline("closed", bench.closed(), core).seen,
        "awaitable client": lambda: paceline("awaited", bench.closed(), core).seen,
        "wrk, each answer another": lambda: wrk(f"{server.url}each", _CONNECTIONS, _SECONDS, core),
        "HttpTarget, each answer another": lambda: (
            paceline("closed", {**bench.closed(), "url": f"{server.url}each"}, core).seen
        ),
        "HttpTarget, TLS": lambda: paceline("closed", bench.closed(tls=True), core).seen,
        "HttpTarget, default loop": lambda: paceline("closed", bench.closed(), core, uvloop=False).seen,
        "Locust FastHttpUser": lambda: locust(server.url, _CONNECTIONS, _SECONDS, core),
    }
    rounds, broken = in_turns(sides)
    for measured, reference_name, at_least in (
        ("HttpTarget", "wrk", 0.85),
        ("HttpTarget, each answer another", "wrk, each answer another", 0.85),
        ("awaitable client", "wrk", 0.70),
        ("awaitable client", "Locust FastHttpUser", 15.0),
        ("HttpTarget, TLS", "wrk, TLS", 0.70),
        ("HttpTarget, default loop", "wrk", 0.50),
    ):
        name = f"rate of {measured} / {reference_name}"
        lacking = [side for side in (measured, reference_name) if side in broken]
        if lacking:
            yield Broken(name, broken[lacking[0]])
            continue
        pairs = [(taken[measured], taken[reference_name]) for taken in rounds]
        yield Figure(name, Spread.of([ours.rate / theirs.rate for ours, theirs in pairs]), at_least=at_least)
        cost = Spread.of([ours.cpu_us / theirs.cpu_us for ours, theirs in pairs])
        yield Figure(f"  CPU time a request of {measured} / {reference_name}", cost)
    if not {"wrk", "Locust FastHttpUser"} & set(broken):
        ceiling = [taken["wrk"].rate / taken["Locust FastHttpUser"].rate for taken in rounds]
        yield Figure("  rate of wrk / Locust FastHttpUser (the most there is to reach)", Spread.of(ceiling))
    for side in sides:
        if side not in broken:
            yield Figure(f"  {side}", Spread.of([taken[side].rate for taken in rounds]), "/s")
            yield Figure("    CPU time a request", Spread.of([taken[side].cpu_us for taken in rounds]), "us")
    if busy:
        yield Figure("  server's core while wrk runs (near 100 %: the server is the limit)", percent(busy), "%")


def percent(shares: Sequence[float]) -> Spread:
    """Shares as percentages."""
    return Spread.of([100 * share for share in shares])


def in_turns(sides: Mapping[str, Callable[[], Seen]]) -> tuple[list[dict[str, Seen]], dict[str, str]]:
    """Every round runs each side once, in random order; a side that failed is left out of what follows.

    Returns:
        What each round saw, by side; and why sides failed.
    """
    order, rounds, broken = random.Random(SEED), [], dict[str, str]()
    for _ in range(_ROUNDS):
        taken: dict[str, Seen] = {}
        for side in order.sample(list(sides), len(sides)):
            if side in broken:
                continue
            try:
                taken[side] = sides[side]()
            except GeneratorError as error:
                broken[side] = str(error)
        rounds.append(taken)
    return rounds, broken


def many(bench: Bench) -> Iterator[Line]:
    """10,000 connections at once, each busy."""
    few, most = 10, 10_000
    held: dict[int, int] = {}
    for connections in (few, most):
        watched = Watched()
        arguments = {**bench.closed(), "connections": connections, "duration_s": 4}
        told = paceline("closed", arguments, bench.core, watch=watched)
        held[connections] = watched.most_rss()
    # Any attempt that is not ok has ended this section by now.
    yield Figure("open files of the generator with 10,000 connections", one(watched.files[watched.generator]), "",
                 at_least=most)  # fmt: skip
    yield Figure("  its rate", one(told.rate), "/s")
    each_kb = (held[most] - held[few]) / (most - few) / 1_000
    yield Figure("memory of a connection", one(each_kb), "kB", at_most=20)


def opened(bench: Bench) -> Iterator[Line]:
    """Lag of requests at a given rate, and whether all of them are sent."""
    most = max(paceline("closed", bench.closed(), bench.core).rate for _ in range(2))
    half = {**bench.closed(), "per_second": round(most / 2), "duration_s": 5}
    runs, bare = [], []
    for _ in range(3):
        runs.append(paceline("opened", half, bench.core))
        bare.append(bare_arrivals_us(bench.server.url, round(most / 2), 5, bench.core, _CONNECTIONS))
    for name, at_most in (
        ("lag_p50", 60),
        ("lag_p99", 250),
        ("generator_lag_p50", None),
        ("generator_lag_p99", None),
    ):
        spread = Spread.of([run.lags_us[name] for run in runs])
        yield Figure(f"{name} at {round(most / 2):,}/s, half of the most", spread, "us", at_most=at_most)
    for name in ("lag_p50", "lag_p99") if all(bare) else ():
        yield Figure(f"  {name} of a bare loop in C at the same rate", Spread.of([lags[name] for lags in bare]), "us")
    planned = 10_000
    exact = {"url": bench.server.url, "connections": _CONNECTIONS, "per_second": 1_000, "duration_s": 10}
    before = bench.server.requests()
    sent = paceline("counted", exact, bench.core).attempts
    answered = bench.server.requests() - before - 1
    yield Figure("1,000/s for 10 s: arrivals too many or too few", one(abs(sent - planned)), "", at_most=0)
    yield Figure("  the same as counted by the server", one(abs(answered - planned)), "", at_most=0)


def frozen(bench: Bench) -> Iterator[Line]:
    """A server that stops for one second of ten: what the two kinds of loop make of it."""
    duration_s, frozen_s = 10, 1.0
    base = {**bench.closed(), "duration_s": duration_s}
    theory_ms = []
    told = {}
    for load, arguments in (("opened", {**base, "per_second": 1_000}), ("closed", base)):
        paused: list[float] = []
        freezer = Thread(target=freeze_during_load, args=(bench.server, frozen_s, paused), daemon=True)
        freezer.start()
        try:
            told[load] = paceline(load, arguments, bench.core)
        finally:
            freezer.join()  # else it would freeze the next one's server
        if not paused:
            raise GeneratorError("the server saw no load in time to be frozen")
        # A share of F / D of the requests waits, evenly between 0 and F: 1 % of them longer than F - D / 100.
        theory_ms.append(1_000 * (paused[0] - 0.01 * duration_s))
    off = 100 * (told["opened"].p99_ms / theory_ms[0] - 1)
    yield Figure("frozen server, open loop: p99 off the theory (either way)", one(abs(off)), "%", at_most=5)
    yield Figure("  p99", one(told["opened"].p99_ms), "ms")
    yield Figure("  p99 in theory", one(theory_ms[0]), "ms")
    yield Figure("  p99 of the closed loop, which omits what it did not send", one(told["closed"].p99_ms), "ms")
    found = told["closed"].findings.count("coordinated-omission")
    yield Figure("  findings 'coordinated-omission' in the closed loop", one(found), "", at_least=1)
    found = told["opened"].findings.count("coordinated-omission")
    yield Figure("  findings 'coordinated-omission' in the open loop", one(found), "", at_most=0)


def freeze_during_load(server: Nginx, seconds: float, paused: list[float]) -> None:
    """Wait for load, then for its middle, and freeze the server; ``paused`` gets how long it was."""
    at_rest, deadline_s = server.requests(), time.monotonic() + 8
    while time.monotonic() < deadline_s:
        time.sleep(0.05)
        at_rest += 1  # each look is a request
        if server.requests() - at_rest > 20:
            time.sleep(4)
            paused.append(server.freeze(seconds))
            return


def memory(bench: Bench) -> Iterator[Line]:
    """Memory of the generator over time at full speed."""
    watched = Watched()
    told = paceline("closed", {**bench.closed(), "duration_s": bench.memory_s}, bench.core, watch=watched)
    name = f"growth of memory, {bench.memory_s} s at {told.rate:,.0f}/s, after the first {bench.settled_s:g} s"
    yield Figure(name, one(watched.growth_after(bench.settled_s) / _MB), "MB", at_most=10)
    yield Figure("  the most memory", one(watched.most_rss() / _MB), "MB")


def display(bench: Bench) -> Iterator[Line]:
    """``paceline http`` shown on a terminal and piped."""
    per_second, duration_s, pairs = 10_000, 3, 5
    order, lags = random.Random(SEED), dict[bool, list[float]]({True: [], False: []})
    for _ in range(pairs):
        for terminal in order.sample([True, False], 2):
            lags[terminal].append(command_lag_us(bench.server.url, per_second, duration_s, terminal=terminal))
    ratio = Spread.of([shown / piped for shown, piped in zip(lags[True], lags[False], strict=True)])
    yield Figure(f"lag p99 of paceline http at {per_second:,}/s, terminal / piped", ratio, at_most=1.2)
    yield Figure("  piped", Spread.of(lags[False]), "us")


SECTIONS: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "rates": rates,
    "many": many,
    "opened": opened,
    "frozen": frozen,
    "memory": memory,
    "display": display,
}


def lines(sections: Sequence[str], bench: Bench) -> Iterator[Line]:
    """All figures of ``sections``; one that breaks leaves the others to be taken."""
    begun_s = time.monotonic()
    for section in sections:
        if time.monotonic() - begun_s > _LATEST_START_S + bench.memory_s:
            yield Broken(section, "not begun: out of time")
            continue
        print(f"-- {section}", file=sys.stderr, flush=True)  # the first takes two minutes
        try:
            yield from SECTIONS[section](bench)
        except GeneratorError as error:
            yield Broken(section, str(error))


def main(arguments: Sequence[str]) -> int:
    """Run the sections named in ``arguments``, or all; ``--long`` watches the memory for five minutes."""
    names = [argument for argument in arguments if argument != "--long"]
    long = "--long" in arguments
    unknown = [name for name in names if name not in SECTIONS]
    cores = sorted(os.sched_getaffinity(0))
    if unknown or len(cores) < 2:
        wrong = f"there is no section {', '.join(unknown)}" if unknown else "two cores are needed, one for each side"
        print(f"{wrong}; usage: python -m bench.http [--long] [{' | '.join(SECTIONS)}] ...", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # else the server would be left behind
    print(row(HEADINGS))
    short, broken = [], 0
    try:
        with nginx(cores[0]) as server:
            bench = Bench(server, cores[1], *((300, 10.0) if long else (20, 5.0)))
            for line in lines(names or list(SECTIONS), bench):
                if isinstance(line, Broken):
                    broken += 1
                    print(f"{line.name}: ERROR: {line.why}", flush=True)
                    continue
                print(row(line.cells()), flush=True)
                if line.verdict == "FALLS SHORT":
                    short.append(line.name.strip())
    except ServerError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    print(f"\n{len(short)} fall short: {'; '.join(short)}" if short else "\nNo figure that was taken falls short.")
    if broken:
        print(f"{broken} could not be taken.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
