import pickle
import re
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline import CacheTarget, Gaussian, Zipf
from paceline.core.errors import ConfigurationError
from paceline.targets.cache_commands import DELETE, GET, SET, Keys, Values, mixed, removals
from paceline.wire.resp import packed
from paceline.workload.keys import Uniform
from paceline.workload.legs import Leg

URL = "redis://localhost"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"operation": "flush"}, "operation must be one of mix, get, set, delete, get-or-fetch, not 'flush'"),
        ({"ratio": "1"}, "ratio must be SETs to GETs such as '1:10', not '1'"),
        ({"ratio": "0:0"}, "ratio must be"),
        ({"keys": 0}, "keys must be a whole number of at least 1"),
        ({"keys": 5, "key_pattern": Zipf(6)}, "keys=5 contradicts key_pattern=Zipf"),
        ({"key_pattern": "random"}, "key_pattern must be one of uniform, zipf, gaussian, sequential"),
        ({"value_bytes": 0}, "value_bytes must be a number from 1 to 536,870,912"),
        ({"value_bytes": (9, 8)}, "value_bytes must be"),
        ({"value_bytes": (1, 2, 3)}, "value_bytes must be"),
        ({"value_bytes": 2**30}, "value_bytes must be"),
        ({"pipeline": 0}, "pipeline must be a whole number"),
        ({"ttl_s": 0}, "ttl_s must be a finite number of seconds"),
        ({"prefill": 1.5}, "prefill must be a share of the keys from 0 to 1, not 1.5"),
        ({"prefill": True}, "prefill must be"),
        ({"operation": "get-or-fetch"}, "needs a loader"),
        ({"loader": str}, "loader goes with operation='get-or-fetch'"),
        ({"operation": "get-or-fetch", "loader": 5}, "loader must be a function of a key"),
        ({"operation": "get-or-fetch", "loader": lambda: 0}, "loader is called with the name of a key"),
        ({"flush": True}, "flush empties the whole database"),
        ({"flush": 1}, "flush must be True or False"),
        ({"insecure": True}, "insecure: only for rediss"),
        ({"seed": -1}, "seed must be"),
        ({"timeout_s": 0}, "timeout_s must be"),
        ({"connections": 0}, "connections must be"),
    ],
)
def test_what_cannot_be_measured_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        CacheTarget(URL, **options)


def test_a_target_says_what_it_is_without_its_run_or_password() -> None:
    target = CacheTarget(
        "redis://:s3cret@localhost/2", keys=50, key_pattern="zipf", value_bytes=(1, 9), pipeline=4, ttl_s=1.5
    )
    assert target.text == (
        "SET:GET 1:10 at redis://localhost/2, 50 keys (zipf 0.99), values of 1 to 9 bytes, pipeline 4, TTL 1.5 s"
    )
    assert "s3cret" not in repr(target) + repr(target.address)
    assert CacheTarget(URL, "get", key_pattern=Gaussian(7)).text == (
        "get at redis://localhost, 7 keys (gaussian), values of 100 bytes"
    )


def test_every_target_has_keys_of_its_own_also_in_another_process() -> None:
    one, other = CacheTarget(URL), CacheTarget(URL)
    assert one.names.prefix != other.names.prefix
    assert re.fullmatch(r"paceline:[0-9a-f]{8}:", one.names.prefix)
    there = pickle.loads(pickle.dumps(one))
    assert there.names == one.names
    assert list(islice(there.source(), 50)) == list(islice(one.source(), 50))


@pytest.mark.parametrize(
    ("operation", "filled"), [("mix", 200), ("get", 200), ("delete", 200), ("set", 0), ("get-or-fetch", 0)]
)
def test_what_is_there_beforehand(operation: Any, filled: int) -> None:
    loader = str if operation == "get-or-fetch" else None
    assert CacheTarget(URL, operation, keys=200, loader=loader).filled == filled
    assert CacheTarget(URL, operation, keys=200, loader=loader, prefill=0.25).filled == 50


@given(st.integers(1, 10**9), st.data())
def test_names_have_one_length_and_commands_are_as_packed(count: int, data: st.DataObject) -> None:
    keys = Keys("paceline:ab%cd:", count)
    number = data.draw(st.integers(0, count - 1))
    name = keys.name(number)
    assert len(name) == len(keys.name(count - 1))
    assert keys.command(b"GET") % number == packed("GET", name)


@pytest.mark.parametrize("ttl_s", [None, 0.5])
@pytest.mark.parametrize("sizes", [(7, 7), (1, 300), (70_000, 70_000)])
def test_settings_are_as_packed(sizes: tuple[int, int], ttl_s: float | None) -> None:
    keys = Keys("p:", 10)
    values = Values(*sizes, ttl_s)
    for number, command in zip(range(10), values.settings(keys, iter(range(10)), 3), strict=True):
        value = re.search(
            rb"\$\d+\r\n([A-Za-z0-9]+)\r\n(?:\$2|$)", command[len(packed("SET", keys.name(number))) - 4 :]
        )
        assert value is not None
        words: list[str | bytes | int] = ["SET", keys.name(number), value[1]]
        assert command == packed(*words, *(() if ttl_s is None else ("PX", 500)))
        assert sizes[0] <= len(value[1]) <= sizes[1]


def test_a_mix_has_its_ratio_and_draws_keys_of_both_kinds_alike() -> None:
    drawn = list(islice(mixed(Keys("p:", 10), Uniform(10), Values(5, 5), (1, 3), 1), 8_000))
    writes = sum(kind == SET for kind, _, _ in drawn)
    assert 0.23 < writes / len(drawn) < 0.27
    assert len({command for kind, command, _ in drawn if kind == SET}) == 10
    assert len({command for kind, command, _ in drawn if kind == GET}) == 10
    for ratio, kind in (("1:0", SET), ("0:1", GET)):
        assert {drawn for drawn, _, _ in islice(CacheTarget(URL, ratio=ratio).source(), 50)} == {kind}


def test_a_source_of_many_keys_takes_no_list_of_them() -> None:
    few, many = CacheTarget(URL, "delete", keys=1_000), CacheTarget(URL, "delete", keys=1_000_000_000)
    for target in (few, many):
        kind, command, _ = next(target.source())
        assert kind == DELETE
        assert command.startswith(b"*2\r\n$3\r\nDEL\r\n")


def test_all_keys_are_removed_once() -> None:
    keys = Keys("p:", 25)
    commands = b"".join(removals(keys, 10))
    assert sorted(re.findall(rb"p:\d\d", commands)) == [keys.name(number).encode() for number in range(25)]
    assert commands.count(b"UNLINK") == 3


@given(st.sampled_from(["get", "set", "delete"]), st.sampled_from(["sequential", "zipf", "uniform"]), st.integers(2, 5))
def test_legs_send_together_what_one_process_sends(operation: Any, pattern: str, of: int) -> None:
    whole = CacheTarget(URL, operation, keys=50, key_pattern=pattern, value_bytes=(1, 9), seed=4)
    legs = [whole.of_leg(Leg(number, of)).source() for number in range(of)]
    together = [next(leg) for _ in range(60) for leg in legs]
    assert together == list(islice(whole.source(), 60 * of))


def test_legs_of_a_mix_choose_together_what_one_process_chooses_and_share_its_keys() -> None:
    whole = CacheTarget(URL, ratio="1:3", keys=1_000, key_pattern="sequential")
    legs = [whole.of_leg(Leg(number, 3)).source() for number in range(3)]
    together = [next(leg) for _ in range(400) for leg in legs]
    alone = list(islice(whole.source(), 1_200))
    assert [kind for kind, _, _ in together] == [kind for kind, _, _ in alone]
    assert {command for kind, command, _ in together if kind == SET} <= {
        command for kind, command, _ in islice(whole.source(), 3_000) if kind == SET
    }
    assert len({command for kind, command, _ in together}) == len(together)  # no key was read, or written, twice
