"""The API behind uvicorn; says on standard output where it is, once it answers."""

import json
import os
import socket
import sys

import uvicorn

from records_service.api import application
from records_service.settings import Settings

_KEEP_ALIVE_S = 60
_SHUTDOWN_S = 2


class _ReportingServer(uvicorn.Server):
    """Whoever started it on port 0 cannot know the port, and must not ask before it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            sys.stdout.write(json.dumps({"port": sockets[0].getsockname()[1], "pid": os.getpid()}) + "\n")
            sys.stdout.flush()


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until a signal ends it.

    Raises:
        OSError: the port is taken.
    """
    with socket.create_server((host, port)) as listener:
        config = uvicorn.Config(
            application(settings),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        _ReportingServer(config).run(sockets=[listener])
