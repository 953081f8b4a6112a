import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.wire.endpoint import Endpoint, encode_target, parse_url, split_url
from paceline.wire.request import encode_request


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "authority"),
    [
        ("http://localhost", "localhost", 80, "/", "localhost"),
        ("http://localhost/", "localhost", 80, "/", "localhost"),
        ("HTTP://LocalHost:8000/A?b=C", "localhost", 8000, "/A?b=C", "localhost:8000"),
        ("http://h:80/", "h", 80, "/", "h"),
        ("http://h:/", "h", 80, "/", "h"),
        ("http://h:00080/", "h", 80, "/", "h"),
        ("https://h", "h", 443, "/", "h"),
        ("https://h:80", "h", 80, "/", "h:80"),
        ("http://h?x=1", "h", 80, "/?x=1", "h"),
        ("http://h/a#b", "h", 80, "/a", "h"),
        ("http://h#b", "h", 80, "/", "h"),
        ("http://h/a?x=1#b?c", "h", 80, "/a?x=1", "h"),
        ("http://h/a b", "h", 80, "/a%20b", "h"),
        ("http://h/ü?q=ß%20%zz", "h", 80, "/%C3%BC?q=%C3%9F%20%25zz", "h"),
        ("http://h/{a}", "h", 80, "/%7Ba%7D", "h"),
        ("http://h/a@b:c//d", "h", 80, "/a@b:c//d", "h"),
        ("http://127.0.0.1:9/", "127.0.0.1", 9, "/", "127.0.0.1:9"),
        ("http://[::1]:8000/x", "::1", 8000, "/x", "[::1]:8000"),
        ("http://[0:0::1]", "::1", 80, "/", "[::1]"),
        ("https://[2001:DB8::1]:443/", "2001:db8::1", 443, "/", "[2001:db8::1]"),
        ("http://[fe80::1%25eth0]:81/", "fe80::1%eth0", 81, "/", "[fe80::1]:81"),
        ("http://[fe80::1%eth0]/", "fe80::1%eth0", 80, "/", "[fe80::1]"),
        ("http://bücher.example/", "xn--bcher-kva.example", 80, "/", "xn--bcher-kva.example"),
        ("http://日本語.jp:8/", "xn--wgv71a119e.jp", 8, "/", "xn--wgv71a119e.jp:8"),
        ("http://my_container:8/", "my_container", 8, "/", "my_container:8"),
        ("http://example.org./", "example.org.", 80, "/", "example.org."),
    ],
)
def test_urls(url: str, host: str, port: int, target: str, authority: str) -> None:
    endpoint, path, credentials = parse_url(url)
    assert (endpoint.host, endpoint.port, path, endpoint.authority, credentials) == (
        host,
        port,
        target,
        authority,
        None,
    )
    assert endpoint.scheme == url.partition(":")[0].lower()
    assert endpoint.text == f"{endpoint.scheme}://{authority}"
    assert endpoint.is_tls is (endpoint.scheme == "https")
    assert encode_request("GET", path, endpoint.authority)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:8000/x", "did you mean http://localhost:8000/x"),
        ("example.org", "did you mean http://example.org"),
        ("", "does not begin with http://"),
        ("/path", "does not begin with http://"),
        ("//h/path", "does not begin with http://"),
        ("http:/h/", "does not begin with http://"),
        (" http://h/", "does not begin with http://"),
        ("ftp://h/", "not of http or https"),
        ("ws://h/", "not of http or https"),
        ("http://", "names no host"),
        ("http:///path", "names no host"),
        ("http://:80/", "names no host"),
        ("http://h:0/", "port must be from 1"),
        ("http://h:65536/", "port must be from 1"),
        ("http://h:99999/", "port must be from 1"),
        ("http://h:100000/", "no host and port"),
        ("http://h:-1/", "no host and port"),
        ("http://h:8o/", "no host and port"),
        ("http://h:٣/", "no host and port"),
        ("http://::1/", "no host and port"),
        ("http://[::1/", "no host and port"),
        ("http://[::1]x/", "no host and port"),
        ("http://[]/", "no IPv6 address"),
        ("http://[127.0.0.1]/", "no IPv6 address"),
        ("http://[::1%25]/", "no IPv6 address"),
        ("http://[:::1]/", "no IPv6 address"),
        ("http://256.0.0.1/", "no IPv4 address"),
        ("http://a b/", "no host name"),
        ("http://a..b/", "no host name"),
        ("http://-a/", "no host name"),
        ("http://" + "a" * 64 + "/", "no host name"),
        ("http://" + "a." * 127 + "a/", "no host name"),
        ("http://ü" + "a" * 64 + "/", "no host name"),
        ("http://{{n}}/", "placeholders can stand in its path and query only"),
        ("http://h/a\r\nX: 1", "control character"),
        ("http://h\t/", "control character"),
        ("http://h/\ud800", "control character"),
        (b"http://h/", "must be a string"),
        (None, "must be a string"),
    ],
)
def test_what_is_no_url_is_told_with_the_reason(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match="url") as caught:
        parse_url(url)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("http://ann:SECRET@h/", ("ann", "SECRET")),
        ("http://ann@h/", ("ann", "")),
        ("http://:SECRET@h/", ("", "SECRET")),
        ("http://ann%40b:SECRET%3A%2F@h/", ("ann@b", "SECRET:/")),
        ("http://ann:SECRET@x@h/", ("ann", "SECRET@x")),
        ("http://ann:SE:CRET@[::1]:8/", ("ann", "SE:CRET")),
    ],
)
def test_credentials_are_taken_out_and_never_shown(url: str, credentials: tuple[str, str]) -> None:
    parts = parse_url(url)
    assert parts.credentials == credentials
    assert parts.endpoint.host in {"h", "::1"}
    for text in (
        repr(parts),
        str(parts),
        f"{parts}",
        repr(parts.endpoint),
        parts.endpoint.text,
        parts.endpoint.authority,
    ):
        assert "SECRET" not in text
        assert "ann" not in text


@pytest.mark.parametrize(
    "url",
    [
        "ann:SECRET@h/",
        "ftp://ann:SECRET@h/",
        "http://ann:SECRET@h:99999/",
        "http://ann:SECRET@h:x/",
        "http://ann:SECRET@/",
        "http://ann:SECRET/more@h/",
        "http://ann:SECRET?more@h/",
        "http://ann:SECRET#more@h/",
        "http://ann:SECRET://more@h:x/",
        "http://ann:SECRET@[x]/",
        "http://ann:SECRET@a b/",
        "http://ann:SECRET@h/\n",
        "http//ann:SECRET@h/",
        "http://h:x/?token=SECRET",
        "h:8/?api_key=SECRET",
    ],
)
def test_errors_show_no_credentials(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_url(url)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_unix_socket() -> None:
    endpoint = parse_url("http://localhost/x", "/run/app.sock").endpoint
    assert endpoint == Endpoint("http", "localhost", 80, "/run/app.sock")
    assert endpoint.authority == "localhost"
    assert endpoint.text == "http://localhost through /run/app.sock"


@pytest.mark.parametrize("path", ["", "a\0b", "/" + "a" * 107, "/" + "ü" * 54, 5])
def test_bad_socket_paths(path: str) -> None:
    with pytest.raises(ConfigurationError, match="unix_socket"):
        parse_url("http://localhost/", path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("ftp", "h", 80),
        ("http", "", 80),
        ("http", "a:b@h", 80),
        ("http", "h\n", 80),
        ("http", "h", 0),
        ("http", "h", True),
    ],
)
def test_an_endpoint_checks_itself(arguments: tuple[str, str, int]) -> None:
    with pytest.raises(ConfigurationError):
        Endpoint(*arguments)


def test_an_endpoint_is_a_value() -> None:
    endpoint = Endpoint("http", "h", 80)
    assert pickle.loads(pickle.dumps(endpoint)) == endpoint
    assert len({endpoint, Endpoint("http", "h", 80)}) == 1


def test_split_url_leaves_the_target_as_it_is_written() -> None:
    assert split_url("http://h/ü/{{first name}}?q={{n}}#x").target == "/ü/{{first name}}?q={{n}}"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_encoded_target_can_be_sent_and_stays_the_same(text: str) -> None:
    target = encode_target("/" + text)
    assert encode_request("GET", target, "h").startswith(f"GET {target} HTTP/1.1\r\n".encode())
    assert encode_target(target) == target


@given(st.text(max_size=40) | st.text(":/@?#[]%ahtp0. ", max_size=20).map(lambda text: "http://" + text))
def test_any_text_is_a_url_or_a_clear_error(text: str) -> None:
    try:
        endpoint, target, _ = parse_url(text)
    except ConfigurationError:
        return
    assert encode_request("GET", target, endpoint.authority)
    again = parse_url(endpoint.text + target)
    assert (again.endpoint.authority, again.target) == (endpoint.authority, target)
