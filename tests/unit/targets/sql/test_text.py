"""What the words of a statement say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.targets.sql.placeholders import STYLES, compiled
from paceline.targets.sql.script import load_statements, statements_of
from paceline.targets.sql.text import filter_words, kind_of, name_of, table_aliases, tokens


@pytest.mark.parametrize(
    ("sql", "reads", "destroys"),
    [
        ("SELECT 1", True, ""),
        ("select 'it''s -- no comment', \"drop\" from t -- DROP\n", True, ""),
        ("/* DELETE */ SELECT $$ DROP TABLE x $$, $q$;$q$", True, ""),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", False, "DELETE"),
        ("SELECT * FROM t FOR UPDATE", False, ""),
        ("SELECT * INTO other FROM t", False, ""),
        ("UPDATE t SET a = 1;", False, ""),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", False, ""),
        ("CREATE TABLE c (p int REFERENCES t ON DELETE CASCADE)", False, ""),
        ("drop table t", False, "DROP"),
        ("EXPLAIN ANALYZE DELETE FROM t", False, "DELETE"),
        ("ALTER TABLE t ADD c int", False, "ALTER"),
        ("VALUES (1)", True, ""),
        ("DO $$ BEGIN DELETE FROM t; END $$", False, "DO"),
        ("CALL tidy_up()", False, "CALL"),
        ("COPY t TO PROGRAM 'rm -rf /'", False, "COPY"),
        ("SELECT * FROM t INTO OUTFILE '/tmp/t'", False, "OUTFILE"),
        (r"SELECT E'\' DROP ', e'a' || fe, 1", True, ""),
    ],
)
def test_what_a_statement_does(sql: str, reads: object, destroys: str) -> None:
    kind = kind_of(sql)
    assert (kind.reads_only, kind.destroys) == (reads, destroys)


def test_a_backslash_hides_a_quote_from_mysql_only() -> None:
    sql = r"SELECT 'a\' ; DROP TABLE t -- '"
    assert kind_of(sql, backslashes=True).reads_only
    with pytest.raises(ConfigurationError, match="more than one"):
        kind_of(sql)


@pytest.mark.parametrize(
    ("sql", "mysql"),
    [
        (r"UPDATE t SET v = E'\''; COMMIT; DELETE FROM t; --'", False),
        ("SELECT 1 --1; DROP TABLE t", True),
        ("SELECT 1 # it's\n; DROP TABLE t", True),
        (r'SELECT "\" ", 1; DROP TABLE t; -- "', True),
        ("SELECT 1 AS $$; DROP TABLE t; -- $$", True),
    ],
)
def test_no_second_statement_hides_in_what_another_database_would_read(sql: str, mysql: object) -> None:
    with pytest.raises(ConfigurationError, match="more than one"):
        kind_of(sql, backslashes=bool(mysql))


def test_comments_of_mysql() -> None:
    assert kind_of("SELECT 1 # it's; DROP\n + 1 -- it's", backslashes=True).reads_only
    assert kind_of("SELECT 1 --", backslashes=True).reads_only


@pytest.mark.parametrize(
    "sql",
    [
        "CALL p()",
        "OPTIMIZE TABLE t",
        "ANALYZE TABLE t",
        "GRANT ALL ON t TO u",
        "FLUSH TABLES",
        "LOCK TABLES t READ",
        "LOAD DATA INFILE 'f' INTO TABLE t",
        "SET PASSWORD = 'x'",
        "TRUNCATE t",
    ],
)
def test_what_commits_by_itself_on_mysql(sql: str) -> None:
    assert kind_of(sql, backslashes=True).defines


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("CREATE ROLE bob PASSWORD 'S3cr3tPw'", "CREATE ROLE bob PASSWORD '***'"),
        ('ALTER USER b IDENTIFIED BY "S3cr3tPw" x', "ALTER USER b IDENTIFIED BY '***' x"),
        ("CREATE USER b IDENTIFIED WITH native AS 'S3cr3tPw'", "CREATE USER b IDENTIFIED WITH native AS '***'"),
        ("SET PASSWORD FOR b = PASSWORD('it''s S3cr3tPw')", None),
        ("SELECT 1 FROM a_very_long_name_of_a_table WHERE password = 'S3cr3tPw and more than is shown of it'", None),
        ("SELECT password FROM users WHERE name = 'ann'", "SELECT password FROM users WHERE name = 'ann'"),
    ],
)
def test_passwords_are_not_in_names(sql: str, name: str | None) -> None:
    assert "S3cr3t" not in name_of(sql)
    assert name is None or name_of(sql) == name


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("", "is empty"),
        ("SELECT 1 /*!DROP TABLE t*/", "code on MySQL"),
        ("SELECT 1 /*M!100100 DROP TABLE t */", "code on MySQL"),
        ("SELECT /* a /* b */ 1 */", "comment within a comment"),
        ("PREPARE TRANSACTION 'x'", "PREPARE is not yours"),
        ("XA START 'x'", "XA is not yours"),
        ("SET SESSION autocommit = 1", "SET is not yours"),
        (" -- nothing\n", "is empty"),
        ("SELECT 1; SELECT 2", "more than one"),
        ("BEGIN", "BEGIN is not yours"),
        ("commit", "COMMIT is not yours"),
        ("SELECT 'a", "a ' is missing"),
        ("SELECT /* a", r"'\*/' is missing"),
    ],
)
def test_what_is_no_statement(sql: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        kind_of(sql)


@given(st.text(alphabet="ab'\"`$-/*;:? \n\\", max_size=30))
def test_any_text_is_read_to_its_end(sql: str) -> None:
    try:
        found = list(tokens(sql))
    except ConfigurationError:
        return
    assert all(sql.startswith(token.text[:1], token.start) or token.quoted for token in found)


@pytest.mark.parametrize(
    ("style", "text", "arguments"),
    [
        ("qmark", "SELECT '%:c', a::int FROM t WHERE a = ? AND b LIKE '%' AND a < ? OR c = ?", (1, 1, 2)),
        ("format", "SELECT '%%:c', a::int FROM t WHERE a = %s AND b LIKE '%%' AND a < %s OR c = %s", (1, 1, 2)),
        ("numeric_dollar", "SELECT '%:c', a::int FROM t WHERE a = $1 AND b LIKE '%' AND a < $1 OR c = $2", (1, 2)),
        ("numeric", "SELECT '%:c', a::int FROM t WHERE a = :1 AND b LIKE '%' AND a < :1 OR c = :2", (1, 2)),
        ("named", "SELECT '%:c', a::int FROM t WHERE a = :a AND b LIKE '%' AND a < :a OR c = :c", {"a": 1, "c": 2}),
        (
            "pyformat",
            "SELECT '%%:c', a::int FROM t WHERE a = %(a)s AND b LIKE '%%' AND a < %(a)s OR c = %(c)s",
            {"a": 1, "c": 2},
        ),
    ],
)
def test_placeholders_as_the_driver_writes_them(style: str, text: str, arguments: object) -> None:
    made = compiled("SELECT '%:c', a::int FROM t WHERE a = :a AND b LIKE '%' AND a < :a OR c = :c", style)
    assert made.text == text
    assert made.names == ("a", "c")
    assert made.arguments([1, 2]) == arguments


@pytest.mark.parametrize("style", STYLES)
def test_without_parameters_nothing_is_rewritten(style: str) -> None:
    sql = "SELECT 5 % 2, x[1:2], '?', ts::date"
    made = compiled(sql, style)
    assert (made.text, made.arguments([])) == (sql, None)


def test_question_marks_are_numbered_and_do_not_mix_with_names() -> None:
    made = compiled("SELECT ? + ?", "pyformat")
    assert (made.text, made.arguments([3, 4])) == ("SELECT %(1)s + %(2)s", {"1": 3, "2": 4})
    assert compiled("SELECT ? + ?", "named").text == "SELECT :p1 + :p2"
    with pytest.raises(ConfigurationError, match=r"both :name and \?"):
        compiled("SELECT ? + :a", "qmark")


def test_names_are_one_short_line() -> None:
    assert name_of("SELECT\n   1") == "SELECT 1"
    assert len(name_of("SELECT " + "a, " * 100)) == 60


def test_where_the_rows_come_from_and_what_chooses_them() -> None:
    sql = "SELECT * FROM shop.orders AS o JOIN customers c ON c.id = o.customer WHERE o.state = 'x' AND c.name = :n"
    assert table_aliases(sql) == {"orders": "orders", "o": "orders", "customers": "customers", "c": "customers"}
    assert {"state", "name"} <= filter_words(sql)
    assert "x" not in filter_words(sql)
    assert filter_words("SELECT 1") == frozenset()


def test_a_file_of_statements(tmp_path: object) -> None:
    text = "-- the mix\n-- name: by id\n-- weight: 9\nSELECT ';' FROM t;\n\nUPDATE t SET a = 1;\n-- the end\n"
    first, second = statements_of(text)
    assert (first.text, first.shown, first.weight) == ("SELECT ';' FROM t", "by id", 9)
    assert (second.text, second.shown, second.weight) == ("UPDATE t SET a = 1", "UPDATE t SET a = 1", 1)


def test_files_that_are_none(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    with pytest.raises(ConfigurationError, match="there is no file"):
        load_statements(folder / "no.sql")
    for name, content, says in (
        ("empty.sql", b"-- nothing\n", "no statement"),
        ("weight.sql", b"-- weight: much\nSELECT 1", "is no number"),
        ("bytes.sql", b"\xff\xfe\xff", "UTF-8"),
        ("open.sql", b"SELECT 'a", "is missing"),
    ):
        (folder / name).write_bytes(content)
        with pytest.raises(FileFormatError, match=says):
            load_statements(folder / name)
