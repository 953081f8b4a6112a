"""``python -m records_service``: make a database, hand out a token, serve."""

import argparse
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from records_service.auth import issue_token
from records_service.database import Database
from records_service.dataset import sales
from records_service.repository import Repository
from records_service.server import serve
from records_service.settings import Settings, settings_from


def main() -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m records_service", description=__doc__)
    parser.add_argument("--database", type=Path, help="SQLite file [RECORDS_DATABASE, records.sqlite3]")
    commands = parser.add_subparsers(dest="command", required=True)
    fill = commands.add_parser("fill", help="add sales that look like real ones")
    fill.add_argument("count", type=int)
    fill.add_argument("--seed", type=int, default=1)
    token = commands.add_parser("token", help="print a new token")
    token.add_argument("owner")
    token.add_argument("--write", action="store_true", help="it may create and change records")
    server = commands.add_parser("serve", help="serve the API")
    server.add_argument("--cache", help="memory: or valkey://HOST:PORT/0 [RECORDS_CACHE, memory:]")
    server.add_argument("--host", default="127.0.0.1")
    server.add_argument("--port", type=int, default=8417, help="0 takes a free one")
    options = parser.parse_args()
    settings = settings_from()
    if options.database is not None:
        settings = replace(settings, database=options.database)
    if options.command == "serve":
        return _serve(replace(settings, cache=options.cache or settings.cache), options.host, options.port)
    with closing(Database(settings.database)) as database:
        if options.command == "fill":
            Repository(database).create_many(sales(options.count, options.seed))
        else:
            print(issue_token(database, options.owner, may_write=options.write))
    return 0


def _serve(settings: Settings, host: str, port: int) -> int:
    try:
        serve(settings, host, port)
    except OSError as error:
        print(f"cannot listen on {host}:{port}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
