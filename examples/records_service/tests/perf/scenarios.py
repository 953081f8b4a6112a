"""Users as they come: ``paceline run tests/perf/scenarios.py``, against the service that ``RECORDS_URL`` names.

``RECORDS_TOKEN`` is a token of it that may write.
"""

import os

from paceline import ClosedLoop, PerformanceThreshold, Scenario, User

URL = os.environ.get("RECORDS_URL", "http://127.0.0.1:8417")
HEADERS = {"Authorization": f"Bearer {os.environ.get('RECORDS_TOKEN', '')}"}
NEW = {"customer_id": 1, "category": "food", "quantity": 2, "unit_price_cents": 500, "created_on": "2026-01-31"}


async def arrive(user: User) -> None:
    """Once a user; not counted."""
    answer = await user.client.get("/health")
    answer.check("the service is up", answer.ok)


async def browse(user: User) -> None:
    """Look through a page, open a record of it, search."""
    listing = await user.client.get("/records", params={"limit": 20}, headers=HEADERS)
    record = user.random.choice(listing.json()["records"])
    opened = await user.client.get(f"/records/{record['id']}", headers=HEADERS, name="GET /records/{id}")
    opened.check("it is that record", opened.json()["id"] == record["id"])
    await user.think(0.05)
    found = await user.client.get("/records/search", params={"q": "urgent", "limit": 20}, headers=HEADERS)
    found.check("something is found", bool(found.json()["records"]))


async def sell(user: User) -> None:
    """Enter a sale and correct it; somebody else may not have changed it in between."""
    made = await user.client.post("/records", json=NEW, headers=HEADERS, expect=201)
    record = made.json()
    await user.think(0.05)
    changed = await user.client.patch(
        f"/records/{record['id']}",
        json={"quantity": 3},
        headers={**HEADERS, "If-Match": str(record["version"])},
        name="PATCH /records/{id}",
    )
    changed.check("it is the next version", changed.json()["version"] == record["version"] + 1)


browsing = Scenario(
    browse,
    URL,
    on_start=arrive,
    workload=ClosedLoop(users=10, duration_s=5),
    threshold=PerformanceThreshold(max_p95_ms=200, max_error_rate=0.0),
)
selling = Scenario(
    sell,
    URL,
    on_start=arrive,
    workload=ClosedLoop(users=3, duration_s=5),
    threshold=PerformanceThreshold(max_p95_ms=500, max_error_rate=0.0),
)
