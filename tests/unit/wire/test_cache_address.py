import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError, PacelineError
from paceline.wire.cache_address import parse_cache_url
from paceline.wire.resp_error import failure_of_reply


@pytest.mark.parametrize(
    ("url", "text", "greeting"),
    [
        ("redis://localhost", "redis://localhost", b"PING"),
        ("redis://localhost:7000/", "redis://localhost:7000", b"PING"),
        ("valkey://LOCALHOST/2", "valkey://localhost/2", b"SELECT 2 PING"),
        ("rediss://[::1]:7000/0", "rediss://[::1]:7000", b"PING"),
        ("valkeys://host?db=3", "valkeys://host/3", b"SELECT 3 PING"),
        ("redis://:p%40ss@h", "redis://h", b"AUTH p@ss PING"),
        ("redis://me:p:w@h/1", "redis://h/1", b"AUTH me p:w SELECT 1 PING"),
        ("redis://p@h", "redis://h", b"AUTH p PING"),
        ("unix:///run/v.sock", "unix:///run/v.sock", b"PING"),
        ("unix://me:pw@/run/v.sock?db=4", "unix:///run/v.sock?db=4", b"AUTH me pw SELECT 4 PING"),
    ],
)
def test_urls(url: str, text: str, greeting: bytes) -> None:
    address = parse_cache_url(url)
    words = re.findall(rb"\$\d+\r\n(.*?)\r\n", b"".join(address.greeting))
    assert (address.text, b" ".join(words)) == (text, greeting)
    assert "pw" not in repr(address)
    assert address.endpoint.is_tls == url.startswith(("rediss:", "valkeys:"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "localhost:6379",
            "does not begin with redis://, valkey:// or rediss://; did you mean redis://localhost:6379?",
        ),
        ("http://localhost", "is not of redis, valkey or rediss"),
        ("redis://", "names no host"),
        ("redis://h:99999", "the port must be from 1 to 65535"),
        ("redis://h/abc", "the database is a number from 0, as in redis://localhost/2; what stands there is '/abc'"),
        ("redis://h/1?db=2", "of options it takes ?db=NUMBER only"),
        ("redis://h?password=x", "of options it takes ?db=NUMBER only"),
        ("redis://h/99999999", "the database is a number"),
        ("unix://run/v.sock", "names no socket"),
        ("unix:///run/v.sock?x=1", "names no socket"),
        ("unix:///" + "x" * 200, "more than the 107 bytes"),
        (5, "url must be a string such as 'redis://localhost:6379/'"),
    ],
)
def test_what_is_no_url_of_a_cache(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        parse_cache_url(url)


@given(
    st.text(st.characters(codec="utf-8"), min_size=3, max_size=20).filter(lambda text: "s3cret" not in text),
    st.sampled_from(["redis://{}s3cret{}@h:x", "rediss://u{}:s3cret{}@h/z", "unix://:{}s3cret{}@x", "{}s3cret{}@h"]),
)
def test_no_message_shows_a_password(noise: str, form: str) -> None:
    try:
        address = parse_cache_url(form.format(noise, noise))
        shown = f"{address!r} {address.text}"
    except PacelineError as error:
        shown = str(error)
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("MOVED 866 127.0.0.1:7001", "MOVED", "part of a cluster, which is not supported"),
        ("ASK 1 h:1", "ASK", "part of a cluster"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "OOM", "evicts nothing"),
        ("LOADING Valkey is loading the dataset in memory", "LOADING", "wait until that is done"),
        ("WRONGTYPE Operation against a key", "WRONGTYPE", "something else than a text"),
        ("READONLY You can't write against a read only replica.", "READONLY", "name its primary"),
        ("NOAUTH Authentication required.", "NOAUTH", "user and password in the URL"),
        ("ERR AUTH <password> called without any password configured", "NOAUTH", "user and password in the URL"),
        ("ERR max number of clients reached", "ERR", "raise maxclients"),
        ("ERR unknown command", "ERR", "the server says: ERR unknown command"),
        ("something odd", "ERR", "the server says: something odd"),
        ("", "ERR", "the server says"),
    ],
)
def test_what_a_server_says_is_grouped_and_has_a_remedy(text: str, kind: str, says: str) -> None:
    failure = failure_of_reply(Exception(text))
    assert failure.kind == kind
    assert says in failure.message
    assert "7001" not in failure.message  # a group of errors for each slot


def test_what_a_server_says_is_cut_and_redacted() -> None:
    failure = failure_of_reply(Exception("ERR redis://u:s3cret@h " + "x" * 1_000))
    assert "s3cret" not in failure.message
    assert len(failure.message) < 300
