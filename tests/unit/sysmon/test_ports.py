"""What of an address stays the same from session to session."""

from pathlib import Path

import pytest

from paceline.sysmon import ports
from paceline.sysmon.ports import given_ports, without_given_port


@pytest.fixture(autouse=True)
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "given_ports", lambda: (32_768, 60_999))


@pytest.mark.parametrize(
    ("text", "steady"),
    [
        ("GET http://127.0.0.1:43210/items", "GET http://127.0.0.1:*/items"),
        ("GET https://localhost:32768/", "GET https://localhost:*/"),
        ("get at redis://***@[::1]:60999, 5 keys", "get at redis://***@[::1]:*, 5 keys"),
        (
            "SELECT 1 on postgresql+psycopg://***@127.8.9.1:40000/x",
            "SELECT 1 on postgresql+psycopg://***@127.8.9.1:*/x",
        ),
    ],
)
def test_ports_that_the_system_gave_are_any(text: str, steady: str) -> None:
    assert without_given_port(text) == steady


@pytest.mark.parametrize(
    "text",
    [
        "GET http://127.0.0.1:8000/items",  # somebody chose it
        "GET http://127.0.0.1:61000/",
        "GET http://127.0.0.1/",
        "GET http://10.0.0.1:43210/",  # another service is another definition
        "GET http://example.org:43210/",
        "GET http://mylocalhost:43210/",
        "GET http://127.0.0.1:432101/",
        "SET:GET 1:43210 at unix:///tmp/s",
        "",
    ],
)
def test_all_others_stay(text: str) -> None:
    assert without_given_port(text) == text


def test_the_range_is_the_systems_or_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_RANGE", tmp_path / "range")
    given_ports.cache_clear()
    assert given_ports() == (32_768, 60_999)
    (tmp_path / "range").write_text("1024\t65535\n")
    given_ports.cache_clear()
    assert given_ports() == (1_024, 65_535)
    given_ports.cache_clear()
