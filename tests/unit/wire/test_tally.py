from collections import defaultdict

import pytest

from paceline.records.latency import Latency
from paceline.records.load import StatusCount
from paceline.wire.tally import Tally, nanoseconds
from tests.fakes import MS, make_latency


def filled() -> Tally:
    return Tally(
        sent_bytes=10,
        received_bytes=20,
        statuses=defaultdict(int, {503: 1, 200: 3}),
        connections=4,
        reopened=5,
        closed_by_server=6,
        resent=7,
        dns_ns=[MS],
        connect_ns=[MS, 3 * MS],
        tls_ns=[2 * MS],
    )


def test_what_was_counted() -> None:
    first_byte = make_latency([MS])
    traffic = filled().traffic(first_byte)
    assert (traffic.sent_bytes, traffic.received_bytes) == (10, 20)
    assert traffic.statuses == (StatusCount(200, 3), StatusCount(503, 1))
    assert (traffic.connections, traffic.reconnects, traffic.closed_by_server, traffic.resent) == (4, 5, 6, 7)
    assert [phase.moments.count for phase in (traffic.dns, traffic.connect, traffic.tls)] == [1, 2, 1]
    assert traffic.connect.moments.maximum == 3 * MS
    assert traffic.first_byte is first_byte


def test_a_window_begins_anew_and_keeps_how_long_connecting_took() -> None:
    tally = filled()
    tally.begin(2)
    traffic = tally.traffic(Latency())
    assert (traffic.sent_bytes, traffic.received_bytes, traffic.statuses) == (0, 0, ())
    assert (traffic.connections, traffic.reconnects, traffic.closed_by_server, traffic.resent) == (2, 0, 0, 0)
    assert [phase.moments.count for phase in (traffic.dns, traffic.connect, traffic.tls)] == [1, 2, 1]


def test_what_is_opened_for_the_first_time_is_no_reconnect() -> None:
    tally = Tally()
    tally.begin(2)
    for again in (False, True, False, False):
        tally.opened(again=again)
    traffic = tally.traffic(Latency())
    assert (traffic.connections, traffic.reconnects) == (5, 1)


def test_the_answers_on_the_way_of_redirects_are_not_counted() -> None:
    tally = Tally(statuses=defaultdict(int, {200: 1, 302: 2}))
    tally.followed(302)
    assert tally.statuses == {200: 1, 302: 1}
    tally.followed(302)
    assert tally.statuses == {200: 1}


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 0), (1.5, 1_500_000_000), (-1e-9, 0), (2.4e-9, 2)])
def test_differences_of_the_clock(seconds: float, expected: int) -> None:
    assert nanoseconds(seconds) == expected
