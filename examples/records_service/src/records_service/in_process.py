"""Requests straight into the application, without a server: for unit tests and the shell."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from records_service.api import application
from records_service.settings import Settings


class Answer(NamedTuple):
    """What came back; ``json`` is bytes where it is none."""

    status: int
    headers: Mapping[str, str]
    json: Any


class Client:
    """One request after the other; the application starts up and shuts down around each.

    Args:
        settings: of the application.
        token: sent along where a request has no ``authorization`` of its own.
    """

    def __init__(self, settings: Settings, token: str) -> None:
        self.settings, self.token = settings, token

    def get(self, path: str, **headers: str) -> Answer:
        """``GET``."""
        return self.request("GET", path, None, **headers)

    def request(self, method: str, path: str, content: object, **headers: str) -> Answer:
        """Any method; ``content`` is sent as JSON unless it is bytes. ``if_match`` is the header ``If-Match``."""
        given = {"authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return asyncio.run(self._request(method, path, given, body))

    async def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        app = application(self.settings)
        sent: list[Any] = []
        plain, _, query = path.partition("?")

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        async with app.router.lifespan_context(app) as state:
            scope = {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": method,
                "scheme": "http",
                "path": plain,
                "raw_path": plain.encode(),
                "query_string": query.encode(),
                "root_path": "",
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
                "client": ("127.0.0.1", 1),
                "server": ("127.0.0.1", 80),
                "state": dict(state or {}),
            }
            await app(scope, receive, send)
        start = sent[0]
        content = b"".join(part.get("body", b"") for part in sent[1:])
        names = {name.decode(): value.decode() for name, value in start["headers"]}
        is_json = names.get("content-type") == "application/json"
        return Answer(start["status"], names, json.loads(content) if is_json else content)
