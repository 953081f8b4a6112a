"""The whole application in this process: routing, tokens, JSON, cache and database, without sockets."""

from contextlib import closing
from pathlib import Path

import pytest

from paceline import AsgiTarget
from paceline.pytest_plugin import Perf
from records_service.api import application
from records_service.auth import issue_token
from records_service.database import Database
from records_service.settings import Settings

Headers = dict[str, str]
YEAR = "/reports/revenue?from=2026-01-01&to=2026-12-31"
NEW = {"customer_id": 1, "category": "food", "quantity": 2, "unit_price_cents": 5, "created_on": "2026-01-31"}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/health", id="health"),
        pytest.param("/records/7", id="record"),
        pytest.param("/records?limit=50", id="page"),
        pytest.param("/records/search?q=urgent+heavy&limit=20", id="search"),
        pytest.param(YEAR, id="cached-report"),
    ],
)
def test_get(perf: Perf, settings: Settings, authorization: Headers, path: str) -> None:
    perf(AsgiTarget(application(settings), path, headers=authorization))


def test_create(perf: Perf, tmp_path: Path) -> None:
    own = Settings(database=tmp_path / "records.sqlite3")
    with closing(Database(own.database)) as database:
        token = issue_token(database, "performance suite", may_write=True)
    headers = {"Authorization": f"Bearer {token}"}
    perf(AsgiTarget(application(own), "/records", "POST", headers, json=NEW))
