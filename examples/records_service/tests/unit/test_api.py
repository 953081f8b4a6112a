from contextlib import closing

import pytest

from records_service.auth import issue_token
from records_service.database import Database
from records_service.in_process import Client

NEW = {"customer_id": 1, "category": "food", "quantity": 2, "unit_price_cents": 5, "created_on": "2026-01-31"}
YEAR = "/reports/revenue?from=2026-01-01&to=2026-12-31"


def test_health_needs_no_token(client: Client) -> None:
    assert client.get("/health", authorization="").json == {"status": "ok"}


@pytest.mark.parametrize("authorization", ["", "Basic YTpi", "Bearer ", "Bearer wrong"])
def test_everything_else_needs_one(client: Client, authorization: str) -> None:
    for path in ("/records", "/records/1", "/records/search?q=late", YEAR):
        assert client.get(path, authorization=authorization).status == 401


def test_a_token_that_may_only_read(client: Client) -> None:
    with closing(Database(client.settings.database)) as database:
        client.token = issue_token(database, "a reader")
    assert client.get("/records/1").status == 200
    refused = client.request("POST", "/records", NEW)
    assert (refused.status, refused.json) == (401, {"error": "the token of a reader may only read"})


def test_pages_lead_to_each_other(client: Client) -> None:
    first = client.get("/records?limit=40")
    second = client.get(f"/records?limit=40&cursor={first.json['next']}")
    assert [record["id"] for record in first.json["records"] + second.json["records"]] == list(range(1, 61))
    assert second.json["next"] is None


def test_a_record_is_made_changed_and_found(client: Client) -> None:
    made = client.request("POST", "/records", {**NEW, "note": "a zebra crossing"})
    assert (made.status, made.headers["location"]) == (201, "/records/61")
    changed = client.request("PATCH", "/records/61", {"quantity": 20}, if_match='"1"')
    assert (changed.json["version"], changed.json["price"]["discount_cents"]) == (2, 5)
    assert client.get("/records/search?q=zebra").json["records"] == [client.get("/records/61").json]
    late = client.request("PATCH", "/records/61", {"quantity": 21}, if_match='"1"')
    assert (late.status, late.json["error"]) == (409, "record 61 has version 2 by now, not 1")


def test_revenue_adds_up(client: Client) -> None:
    records = client.get("/records?limit=200").json["records"]
    lines = client.get("/reports/revenue?from=2025-01-01&to=2026-12-31").json["lines"]
    assert sum(line["gross_cents"] for line in lines) == sum(record["price"]["gross_cents"] for record in records)
    assert sum(line["sales"] for line in lines) == 60


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "told"),
    [
        ("GET", "/records/999", None, 404, "no record 999"),
        ("GET", f"/records/{2**63}", None, 404, "no record"),
        ("GET", "/records?limit=0", None, 400, "limit must be"),
        ("GET", "/records?limit=-1", None, 400, "limit must be"),
        ("GET", "/records?cursor=nonsense", None, 400, "cursor is none"),
        ("GET", "/records?customer_id=%C2%B2", None, 400, "customer_id must be"),
        ("GET", "/records/search?q=%20", None, 400, "q is missing"),
        ("GET", "/reports/revenue?from=2026-01-01", None, 400, "to must be a day"),
        ("GET", "/reports/revenue?from=2026-02-01&to=2026-01-01", None, 400, "from must not be after to"),
        ("POST", "/records", b"{", 400, "no JSON"),
        ("POST", "/records", b"\xff", 400, "no JSON"),
        ("POST", "/records", [], 400, "JSON object"),
        ("PATCH", "/records/1", {"quantity": 1}, 400, "If-Match"),
    ],
)
def test_what_is_wrong_with_a_request(
    client: Client, method: str, path: str, content: object, status: int, told: str
) -> None:
    answer = client.request(method, path, content)
    assert answer.status == status
    assert told in answer.json["error"]
