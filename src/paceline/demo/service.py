"""The records service: what the tour measures over HTTP. ``python -m paceline.demo.service --database FILE``.

It takes a port of the loopback interface itself and reports it, when it answers, as one line of JSON on standard
output: a port chosen by somebody else could be taken in between.
"""

import argparse
import json
import os
import socket
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from paceline.demo.dataset import RECORD_BY_ID, open_read_only

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

LOOPBACK = "127.0.0.1"
USUAL_PORT = 18_417  # below those that systems hand out themselves
_KEEP_ALIVE_S = 600  # an open loop may need few of its connections and leave the others idle
_SHUTDOWN_S = 2
_COLUMNS = ("id", "customer_id", "category", "created_on", "amount_cents", "note")


def application(connection: sqlite3.Connection) -> "Starlette":
    """``GET /records/{id}`` (404 when there is none) and ``GET /health``, over one read-only connection."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    # Looking a record up takes about 10 us: less than handing it to a thread and back would.
    async def record(request: "Request") -> "Response":
        record_id = request.path_params["record_id"]
        try:
            row = connection.execute(RECORD_BY_ID, (record_id,)).fetchone()
        except OverflowError:  # more than 64 bits: SQLite has no such number, so there is no such record
            row = None
        if row is None:
            return JSONResponse({"error": f"there is no record {record_id}"}, status_code=404)
        return JSONResponse(dict(zip(_COLUMNS, row, strict=True)))

    async def health(_: "Request") -> "Response":
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/records/{record_id:int}", record), Route("/health", health)])


def serve(database: Path) -> None:
    """Serve until a signal ends it.

    Raises:
        sqlite3.Error: ``database`` cannot be opened.
    """
    import uvicorn

    class ReportingServer(uvicorn.Server):
        """Says where it is when it accepts requests, not before."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if not self.should_exit:
                sys.stdout.write(json.dumps({"port": port, "pid": os.getpid()}) + "\n")
                sys.stdout.flush()

    connection = open_read_only(database)
    listener = _listener()
    try:
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            application(connection),
            # "auto" is uvloop where that exists, which is everywhere but on Windows and PyPy.
            loop="auto",
            http="httptools",
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        ReportingServer(config).run(sockets=[listener])
    finally:
        listener.close()
        connection.close()


def _listener() -> socket.socket:
    """At the usual port, so that a baseline was measured at the same address; at another where that is taken."""
    try:
        return socket.create_server((LOOPBACK, USUAL_PORT))
    except OSError:
        return socket.create_server((LOOPBACK, 0))


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m paceline.demo.service", description=__doc__)
    parser.add_argument("--database", type=Path, required=True, help="SQLite file written by create_database()")
    serve(parser.parse_args().database)


if __name__ == "__main__":
    main()
