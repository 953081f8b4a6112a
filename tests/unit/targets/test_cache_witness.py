import asyncio
import socket
from pathlib import Path

from paceline import CacheTarget


def test_the_loop_goes_on_while_a_server_is_asked_and_a_stop_is_heard_afterwards(tmp_path: Path) -> None:
    """What was measured is kept by whoever awaits next, not lost with the server's counters."""
    steps: list[str] = []

    async def run(listener: socket.socket) -> None:
        witness = CacheTarget(f"unix://{tmp_path}/s", connect_timeout_s=1).overseer()

        async def window() -> None:
            await witness.end()
            steps.append("ended")
            await asyncio.sleep(0)
            steps.append("was not stopped")

        ending = asyncio.create_task(window())
        asked, _ = await asyncio.to_thread(listener.accept)
        ending.cancel()
        await asyncio.wait([ending])
        asked.close()
        assert ending.cancelled()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/s")
        listener.listen()
        asyncio.run(run(listener))
    assert steps == ["ended"]
