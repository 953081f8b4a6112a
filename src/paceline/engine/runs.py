"""Making a run where it belongs: on the caller's thread, on a loop, beside one, or in a process of its own."""

import asyncio
import threading
from collections.abc import Callable

from paceline.core.clock import SYSTEM_CLOCK, Clock
from paceline.engine.beside import Beside
from paceline.engine.live import OnSlice
from paceline.engine.observation import Observation
from paceline.engine.offload import arun_in_child, run_in_child
from paceline.engine.orders import Orders
from paceline.engine.request import Observer, Run, RunRequest, Unobserved
from paceline.engine.session import Session
from paceline.engine.tasks import in_running_loop, loop_factory
from paceline.records.run_record import RunRecord

_START_S = 1.0  # ample for a thread to begin


def run(
    request: RunRequest,
    clock: Clock = SYSTEM_CLOCK,
    observer: Observer | None = None,
    observation: Observation | None = None,
    on_epoch: Callable[[RunRecord], None] = lambda _: None,
    on_slice: OnSlice | None = None,
) -> Run:
    """Make the run, whatever the operation: coroutine functions get an event loop of their own.

    Of a request for fresh processes this is the part of one of them; ``on_epoch`` takes each epoch but the last.
    ``on_slice`` is told once a second what was seen, and ends the run with what it returns; the request says that it is
    ``live``.

    Raises:
        MeasurementError: ``setup`` raised, or the system gave no threads.
        ConfigurationError: the target pids or the operation turned out not to be what they should be.
    """
    if request.own_process:
        return run_in_child(request, clock, observer or Unobserved(), on_slice)
    beside = Beside(request, clock)
    try:
        observation = observation or beside.observation
        made = _run(Session(request, clock, observer or Unobserved(), observation, on_epoch, on_slice=on_slice))
    except BaseException:
        beside.drop()
        raise
    return beside.with_probe(made)


def _run(session: Session) -> Run:
    session.foreign_loop = in_running_loop()
    if not session.needs_loop:
        session.run()
    elif session.foreign_loop:
        _in_a_thread(session)
    else:
        _in_own_loop(session)
    if isinstance(session.stopped_by, asyncio.CancelledError):
        session.stopped_by = KeyboardInterrupt()  # in a loop of our own nobody else cancels
    return session.result()


async def arun(
    request: RunRequest,
    clock: Clock = SYSTEM_CLOCK,
    observer: Observer | None = None,
    on_slice: OnSlice | None = None,
) -> Run:
    """Make the run on the caller's loop; a synchronous operation runs in a thread meanwhile.

    Raises:
        MeasurementError: ``setup`` raised, or the system gave no threads.
        ConfigurationError: the target pids or the operation turned out not to be what they should be.
    """
    if request.own_process:
        return await arun_in_child(request, clock, observer or Unobserved(), on_slice)
    beside = Beside(request, clock)
    try:
        session = Session(request, clock, observer or Unobserved(), beside.observation, on_slice=on_slice)
        if request.needs_loop:
            await session.arun()
        else:
            await _beside_the_loop(session)
        made = session.result()
    except BaseException:
        beside.drop()
        raise
    return await asyncio.to_thread(beside.with_probe, made) if request.probe_per_second else made


def run_here(
    request: RunRequest,
    clock: Clock,
    observer: Observer,
    observation: Observation,
    orders: Orders,
    on_slice: OnSlice | None = None,
) -> Run:
    """Make the run in this process, which does nothing else: on an event loop, or, of a function, in its threads.

    Args:
        request: what to run.
        clock: where the time comes from.
        observer: who watches.
        observation: of the window.
        orders: end the run as an interrupt would, and say when a leg is to start.
        on_slice: is told what was seen.
    """
    if not request.needs_loop:
        return _run_threads_here(request, clock, observer, observation, orders, on_slice)

    async def at_the_start() -> None:
        observation.ready()
        await orders.start()

    together = at_the_start if request.leg is not None else None
    session = Session(request, clock, observer, observation, before_window=together, on_slice=on_slice)

    async def until_stopped() -> None:
        with orders.heard(session.interrupt):
            await session.arun()

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(until_stopped())
    return session.result()


def _run_threads_here(
    request: RunRequest,
    clock: Clock,
    observer: Observer,
    observation: Observation,
    orders: Orders,
    on_slice: OnSlice | None,
) -> Run:
    def at_the_start() -> None:
        observation.ready()
        orders.wait_for_start()

    together = at_the_start if request.leg is not None else None
    session = Session(request, clock, observer, observation, before_window=together, on_slice=on_slice)
    orders.hear_beside(lambda: session.stop_from_outside(KeyboardInterrupt()))
    session.run()
    return session.result()


async def _beside_the_loop(session: Session) -> None:
    """Drive a synchronous operation in a thread; a cancellation ends it at its next checkpoint."""
    running = asyncio.ensure_future(asyncio.to_thread(session.run))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError as stop:
        session.stop_from_outside(stop)
        await running


def _in_own_loop(session: Session) -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        try:
            runner.run(session.arun())
        except KeyboardInterrupt as stop:
            # A signal that hit the loop itself rather than the measuring task.
            if not session.rescue(stop):
                raise


def _in_a_thread(session: Session) -> None:
    failure: list[BaseException] = []
    # Not Thread.join: before Python 3.13 an interrupted one takes the thread for ended while it still runs.
    begun, ended = threading.Event(), threading.Event()

    def body() -> None:
        begun.set()
        try:
            _in_own_loop(session)
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            failure.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=body, name="paceline-own-loop", daemon=True)
    try:
        thread.start()
        ended.wait()
    except KeyboardInterrupt as stop:
        session.stop_from_outside(stop)
        if not begun.wait(_START_S):
            raise  # it came before there was a thread: nothing was measured
        ended.wait()
    if failure:
        raise session.stopped_by or failure[0]
