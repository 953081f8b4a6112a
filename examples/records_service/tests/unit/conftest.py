from contextlib import closing
from pathlib import Path

import pytest

from records_service.auth import issue_token
from records_service.database import Database
from records_service.dataset import sales
from records_service.in_process import Client
from records_service.repository import Repository
from records_service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=tmp_path / "records.sqlite3")


@pytest.fixture
def client(settings: Settings) -> Client:
    """Of a service with 60 sales; its token may write."""
    with closing(Database(settings.database)) as database:
        Repository(database).create_many(sales(60))
        return Client(settings, issue_token(database, "unit tests", may_write=True))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
