"""The HTTP API: paths, tokens, and which error is which status."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from records_service.auth import identify
from records_service.cache import cache_from
from records_service.database import Database
from records_service.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    RecordsError,
)
from records_service.model import changes_from, day_from, new_record_from
from records_service.repository import Repository
from records_service.serialisation import after_from, page_to_json, record_to_json, record_to_plain, to_json
from records_service.service import Records
from records_service.settings import Settings

_STATUSES: Mapping[type[Exception], int] = {
    InvalidInputError: 400,
    NotAllowedError: 401,
    NotFoundError: 404,
    ConflictError: 409,
}
_PER_PAGE = 50
_MOST_ID = 2**63


class State(TypedDict):
    """What the requests of a process share."""

    database: Database
    records: Records


def application(settings: Settings) -> Starlette:
    """The API over the database and the cache that ``settings`` name; they are opened when it starts up."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        database, cache = Database(settings.database), cache_from(settings.cache)
        try:
            yield {"database": database, "records": Records(Repository(database), cache, settings)}
        finally:
            await cache.close()
            database.close()

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/records", page, methods=["GET"]),
            Route("/records", create, methods=["POST"]),
            Route("/records/search", search),
            Route("/records/{record_id:int}", get, methods=["GET"]),
            Route("/records/{record_id:int}", update, methods=["PATCH"]),
            Route("/reports/revenue", revenue),
        ],
        exception_handlers={RecordsError: refused},
        lifespan=lifespan,
    )


async def health(_: Request) -> Response:
    """Whether this process answers."""
    return _answer(b'{"status":"ok"}')


async def get(request: Request) -> Response:
    """``GET /records/7``."""
    return _answer(await _records(request).get_json(_record_id(request)))


async def page(request: Request) -> Response:
    """``GET /records?limit=50&cursor=...&customer_id=3``."""
    records, query = _records(request), request.query_params
    after = after_from(query["cursor"]) if "cursor" in query else 0
    customer_id = _whole(query["customer_id"], "customer_id") if "customer_id" in query else None
    return _answer(page_to_json(await records.page(after, _limit(query), customer_id)))


async def search(request: Request) -> Response:
    """``GET /records/search?q=late+delivery``."""
    records, query = _records(request), request.query_params
    if not query.get("q", "").strip():
        raise InvalidInputError("q is missing: the words to search for")
    found = await records.search(query["q"], _limit(query))
    return _answer(to_json({"records": [record_to_plain(record) for record in found]}))


async def create(request: Request) -> Response:
    """``POST /records`` with a record."""
    records = _records(request, writes=True)
    made = await records.create(new_record_from(await _body(request)))
    return _answer(record_to_json(made), 201, {"location": f"/records/{made.id}"})


async def update(request: Request) -> Response:
    """``PATCH /records/7`` with changes, and in ``If-Match`` the version they were made from."""
    records = _records(request, writes=True)
    version = _whole(request.headers.get("if-match", "").strip('"'), "If-Match")
    changed = await records.update(_record_id(request), version, changes_from(await _body(request)))
    return _answer(record_to_json(changed))


async def revenue(request: Request) -> Response:
    """``GET /reports/revenue?from=2026-01-01&to=2026-12-31``."""
    records, query = _records(request), request.query_params
    first, last = (day_from(query.get(name, ""), name) for name in ("from", "to"))
    _check_days(first, last)
    return _answer(await records.revenue_json(first, last))


async def refused(_: Request, error: Exception) -> Response:
    """What is wrong with a request, and by which status."""
    return _answer(to_json({"error": str(error)}), _STATUSES.get(type(error), 500))


def _records(request: Request, *, writes: bool = False) -> Records:
    """The service, for who may use it.

    Raises:
        NotAllowedError: this client may not.
    """
    identity = identify(request.state.database, request.headers.get("authorization", ""))
    if writes and not identity.may_write:
        raise NotAllowedError(f"the token of {identity.owner} may only read")
    records: Records = request.state.records
    return records


def _record_id(request: Request) -> int:
    record_id: int = request.path_params["record_id"]
    if record_id >= _MOST_ID:
        raise NotFoundError(f"there is no record {record_id}")
    return record_id


async def _body(request: Request) -> object:
    try:
        return json.loads(await request.body())
    except ValueError:  # UnicodeDecodeError is one
        raise InvalidInputError("the body is no JSON") from None


def _limit(query: Mapping[str, str]) -> int:
    return _whole(query["limit"], "limit") if "limit" in query else _PER_PAGE


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < _MOST_ID):
        raise InvalidInputError(f"{name} must be a whole number above 0")
    return int(text)


def _check_days(first: date, last: date) -> None:
    if first > last:
        raise InvalidInputError("from must not be after to")


def _answer(content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, status, headers, media_type="application/json")
