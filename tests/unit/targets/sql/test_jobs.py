"""What attempts execute: the values fit, are drawn as asked, and are the same in every window."""

from collections import Counter
from dataclasses import replace
from itertools import count, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.targets.sql.jobs import READY, Recipe, Supply
from paceline.targets.sql.placeholders import STYLES, compiled
from paceline.targets.sql.statement import Drawn, SqlStatement
from paceline.workload.keys import Sequential, Uniform
from paceline.workload.legs import Leg


def recipe(
    *statements: SqlStatement | str,
    parameters: Any = None,
    rows: Any = (),
    transaction: bool = False,
    style: str = "qmark",
    typed: bool = False,
) -> Recipe:
    given = tuple(SqlStatement(each) if isinstance(each, str) else each for each in statements)
    texts = tuple(compiled(each.text, style) for each in given)
    return Recipe(given, texts, parameters, tuple(rows), transaction, seed=3, typed=typed)


def values(made: Recipe, number: int) -> list[Any]:
    return [[step[2] for step in job] for job in islice(made.jobs(), number)]


def test_constants_patterns_and_rows_together() -> None:
    rows = [{"name": "ann", "unused": "x"}, {"name": "bob", "unused": "y"}]
    made = recipe("SELECT :a, :k, :name", parameters={"a": 7, "k": Drawn(Sequential(3), first=10)}, rows=rows)
    assert values(made, 4) == [[(7, 10, "ann")], [(7, 11, "bob")], [(7, 12, "ann")], [(7, 10, "bob")]]
    assert not made.is_constant


def test_keys_of_a_bare_pattern_begin_at_one() -> None:
    assert values(recipe("SELECT ?", parameters=[Sequential(2)]), 3) == [[(1,)], [(2,)], [(1,)]]


def test_the_same_seed_draws_the_same_and_names_draw_apart() -> None:
    made = recipe("SELECT :a, :b", parameters={"a": Uniform(1000), "b": Uniform(1000)})
    first = values(made, 50)
    assert first == values(made, 50)
    assert any(a != b for ((a, b),) in first)


def test_a_transaction_shares_its_values() -> None:
    made = recipe(
        "SELECT :k", "UPDATE t SET a = :k", SqlStatement("SELECT :k + :own", {"own": Sequential(2)}),
        parameters={"k": Uniform(10_000)}, transaction=True,
    )  # fmt: skip
    for (first,), (second,), (third, own) in values(made, 5):
        assert first == second == third
        assert own in {1, 2}


def test_a_statement_twice_in_a_transaction_is_one_executed_twice() -> None:
    (job,) = islice(recipe("SELECT 1", "SELECT 2", "SELECT 1", transaction=True).jobs(), 1)
    assert [(step[0], step[3]) for step in job] == [(0, 1), (1, 1), (0, 2)]


def test_a_statement_alone_takes_what_it_needs_of_what_all_share() -> None:
    texts = ("SELECT :a", "SELECT :b, :a", "SELECT :c", "SELECT 1")
    made = recipe(*texts, parameters={"a": 1, "b": 2, "c": Sequential(5)})
    assert [made.job_of(number) for number in range(4)] == [
        ((0, "SELECT ?", (1,), 1),),
        ((1, "SELECT ?, ?", (2, 1), 1),),
        ((2, "SELECT ?", (1,), 1),),
        ((3, "SELECT 1", None, 1),),
    ]
    by_place = recipe("SELECT ?", "SELECT ?, ?", parameters=[7, 8])
    assert [by_place.job_of(number)[0][2] for number in range(2)] == [(7,), (7, 8)]


def test_a_mix_follows_its_weights() -> None:
    made = recipe(SqlStatement("SELECT 1", weight=9), SqlStatement("SELECT 2"))
    drawn = Counter(job[0][0] for job in islice(made.jobs(), 10_000))
    assert 0.88 < drawn[0] / 10_000 < 0.92


@pytest.mark.parametrize(
    ("sql", "parameters", "rows", "says"),
    [
        ("SELECT :a", None, (), "asks for :a"),
        ("SELECT ?, ?", [1], (), r"asks for the \? number 2"),
        ("SELECT :a", {"a": 1, "b": 2}, (), "no statement has a place for :b"),
        ("SELECT 1", [1], (), r"no statement has a place for the \? number 1"),
        ("SELECT :a", {"A": 1}, (), "asks for :a"),
        ("SELECT :a", None, [{"b": "1"}], "asks for :a"),
    ],
)
def test_parameters_that_do_not_fit(sql: str, parameters: Any, rows: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        recipe(sql, parameters=parameters, rows=rows)


def test_a_function_gives_rows() -> None:
    made = recipe("SELECT :a", parameters=lambda: ({"a": number} for number in count()))
    assert values(made, 3) == [[(0,)], [(1,)], [(2,)]]
    assert values(recipe("SELECT ?", parameters=lambda: iter([[5]])), 1) == [[(5,)]]
    with pytest.raises(ConfigurationError, match="asks for :a"):
        values(recipe("SELECT :a", parameters=lambda: iter([{"b": 1}])), 1)
    with pytest.raises(ConfigurationError, match="gave int"):
        values(recipe("SELECT :a", parameters=lambda: iter([5])), 1)


def test_whole_numbers_of_rows_for_drivers_that_take_no_texts_for_them() -> None:
    rows = [{"a": "7", "b": "07"}, {"a": "-8", "b": "1"}]
    assert values(recipe("SELECT :a, :b", rows=rows, typed=True), 2) == [[(7, "07")], [(-8, "1")]]
    some = [{"a": "7", "b": True}, {"a": None, "b": False}]
    assert values(recipe("SELECT :a, :b", rows=some, typed=True), 2) == [[(7, True)], [(None, False)]]


def test_the_supply_gives_each_job_once_and_begins_anew() -> None:
    supply = Supply(recipe("SELECT ?", parameters=[Sequential(100_000)]))
    first = [supply.take()[0][2] for _ in range(300)]  # nothing was drawn ahead
    supply.draw(READY)
    first += [supply.take()[0][2] for _ in range(20_000)]
    assert first == [(number,) for number in range(1, 20_301)]
    supply.restart()
    assert supply.take()[0][2] == (1,)


def test_a_constant_supply_costs_nothing() -> None:
    supply = Supply(recipe("SELECT ?", parameters=[7]))
    take = supply.take
    assert take() is take()


def test_rows_that_come_to_an_end_say_so() -> None:
    supply = Supply(recipe("SELECT ?", parameters=lambda: iter([[1], [2]])))
    assert [supply.take()[0][2] for _ in range(2)] == [(1,), (2,)]
    with pytest.raises(ConfigurationError, match="came to an end"):
        supply.take()
    own = recipe(SqlStatement("SELECT ?", lambda: iter([[1]])))
    with pytest.raises(ConfigurationError, match="came to an end"):
        values(own, 2)


def test_what_a_function_raises_meets_the_attempt_that_would_have_had_its_row() -> None:
    def rows() -> Any:
        yield [1]
        raise LookupError("no more customers")

    supply = Supply(recipe("SELECT ?", parameters=rows))
    assert not supply.draw(READY)
    assert supply.take()[0][2] == (1,)
    for _ in range(2):
        with pytest.raises(LookupError, match="no more customers"):
            supply.take()


@given(
    texts=st.lists(
        st.sampled_from(["SELECT :a", "SELECT :b, :a, :b", "SELECT 1", "SELECT :c, :d"]), min_size=1, max_size=4
    ),
    own=st.booleans(),
    transaction=st.booleans(),
    style=st.sampled_from(STYLES),
)
def test_the_quick_way_gives_what_the_way_by_names_gives(
    *, texts: list[str], own: bool, transaction: bool, style: str
) -> None:
    mine = {"a": Sequential(5), "b": 8}
    statements = [
        SqlStatement(t, {n: mine[n] for n in "ab" if f":{n}" in t} if own else None, name=str(i))
        for i, t in enumerate(texts)
    ]
    shared = {"a": Uniform(9), "b": 3} if ":a" in "".join(texts) else None
    shared = shared if shared is None or any(":b" in text for text in texts) else {"a": Uniform(9)}
    rows = [{"c": "1", "d": "x", "unused": "y"}, {"c": "2", "d": "z", "unused": "y"}]
    made = recipe(*statements, parameters=shared, rows=rows, transaction=transaction, style=style)
    assert list(islice(made._by_place(), 20)) == list(islice(made._by_name(), 20))


@given(
    st.integers(2, 5),
    st.sampled_from(
        [(False, "SELECT :a, :b"), (True, "SELECT :a, :b", "SELECT :b"), (False, "SELECT :a", "SELECT 1, :b")]
    ),
)
def test_legs_make_together_the_jobs_of_one_process(of: int, asked: tuple[Any, ...]) -> None:
    transaction, *texts = asked
    rows = [{"b": str(number)} for number in range(3)]
    for parameters in ({"a": Uniform(1_000)}, lambda: ({"a": number} for number in count())):
        whole = recipe(*texts, parameters=parameters, rows=rows, transaction=transaction)
        legs = [replace(whole, leg=Leg(number, of)).jobs() for number in range(of)]
        together = [next(leg) for _ in range(40) for leg in legs]
        assert together == list(islice(whole.jobs(), 40 * of))


@pytest.mark.parametrize(
    "make",
    [
        lambda: SqlStatement(""),
        lambda: SqlStatement("SELECT 1", weight=0),
        lambda: SqlStatement("SELECT 1", weight=float("inf")),
        lambda: SqlStatement("SELECT 1", 5),  # type: ignore[arg-type]
        lambda: SqlStatement("SELECT 1", {1: 2}),  # type: ignore[dict-item]
        lambda: SqlStatement("SELECT \0"),
        lambda: Drawn(5),  # type: ignore[arg-type]
        lambda: Drawn(Uniform(5), first=1.5),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_statement_or_pattern(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()
