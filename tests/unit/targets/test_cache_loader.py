import asyncio
from threading import Event

from paceline.targets.cache_loader import Fetcher, LoadLog
from tests.fakes import MS, ManualClock


def test_waiting_for_a_thread_is_no_part_of_a_load() -> None:
    clock = ManualClock()
    both_asked = Event()

    def loader(_: str) -> bytes:
        assert both_asked.wait(30)
        clock.advance(0.05)
        return b"x"

    fetcher = Fetcher(loader, LoadLog(clock.now_s))
    fetcher.open(1)

    async def load_both() -> None:
        loading = [asyncio.create_task(fetcher.load(key)) for key in ("one", "two")]
        await asyncio.sleep(0)
        both_asked.set()
        await asyncio.gather(*loading)

    asyncio.run(load_both())
    fetcher.close()
    moments = fetcher.log.seen.latency.moments
    assert (moments.count, moments.minimum, moments.maximum) == (2, 50 * MS, 50 * MS)


def test_a_load_that_nobody_waits_for_any_more_is_still_under_way() -> None:
    """The first one is given up, but its thread goes on: the second is made at the same time."""
    begun, second = Event(), Event()

    def loader(_: str) -> bytes:
        if begun.is_set():
            second.set()
        begun.set()
        assert second.wait(30)
        return b"x"

    fetcher = Fetcher(loader, LoadLog(ManualClock().now_s))
    fetcher.open(2)

    async def load_twice() -> None:
        given_up = asyncio.create_task(fetcher.load("key"))
        await asyncio.to_thread(begun.wait, 30)
        given_up.cancel()
        await asyncio.wait([given_up])
        assert await fetcher.load("key") == b"x"

    asyncio.run(load_twice())
    fetcher.close()
    loads = fetcher.log.seen
    assert (loads.overlapping, loads.most_at_once, loads.busiest_key) == (1, 2, "key")
