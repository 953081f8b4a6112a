"""Scenario files in TOML: read, checked with the place of each error, and made into targets and loads."""

import contextlib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.core.redaction import redact
from paceline.core.units import parse_duration_s
from paceline.judge.thresholds import PerformanceThreshold, Threshold
from paceline.scenario import toml_form as form
from paceline.scenario.plan import Plan, Planned
from paceline.scenario.toml_lines import line_of
from paceline.scenario.toml_load import PlacedError, seconds, workload_of
from paceline.targets.http import HttpTarget
from paceline.targets.http_check import HttpCheck
from paceline.targets.http_request import HttpRequest
from paceline.wire.statuses import statuses
from paceline.workload.models import Workload

_Tree = TypeVar("_Tree")

_VARIABLE = re.compile(r"\$\{(?P<name>[^{}]*)\}")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_INDEX = re.compile(r"\[[^\]]*\]")
_PLACE = re.compile(r"(?P<what>.*?) - at `\$\.?(?P<place>.*)`", re.DOTALL)


def read_plan(path: Path) -> Plan:
    """What the file asks for.

    Raises:
        ConfigurationError: it cannot be read, or something in it is wrong. The message names file and place, such as
            ``scenario[1].load.stages[2].duration`` (counted from 0), and shows no credentials.
    """
    file = _File(path.absolute())
    written = file.read()
    with file.at("server"):
        common = None if written.server is None else _with_variables(written.server)
    with file.at("load"):
        load = None if written.load is None else workload_of(written.load)
    scenarios = tuple(
        file.planned(scenario, f"scenario[{place}]", common, written.thresholds)
        for place, scenario in enumerate(written.scenario)
    )
    if not scenarios:
        raise ConfigurationError(f"{path} has no scenario: write [[scenario]] with a name and a [[scenario.request]]")
    names = [scenario.name for scenario in scenarios]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{path} has two scenarios called {name!r}: give each another name")
    return Plan(scenarios, written.together, load)


class _File:
    """A file, and what is made of its parts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = ""

    def read(self) -> form.File:
        """Its tables and keys, checked."""
        try:
            self._text = self._path.read_bytes().decode("utf-8-sig")  # some editors begin with a mark
            tree = tomllib.loads(self._text)
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be read: {error.strerror or error}") from error
        except RecursionError as error:
            raise ConfigurationError(
                f"{self._path} is no scenario file: its lists or tables are nested too deep"
            ) from error
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise ConfigurationError(f"{self._path}, line {line}: TOML is in UTF-8, and this is not") from error
        except ValueError as error:
            raise ConfigurationError(f"{self._path} is no TOML: {error}") from error
        try:
            return msgspec.convert(tree, form.File)
        except msgspec.ValidationError as error:
            place, what = _told(str(error))
            raise self._wrong(place, what) from error

    @contextlib.contextmanager
    def at(self, place: str) -> Iterator[None]:
        """What goes wrong goes wrong there."""
        try:
            yield
        except PlacedError as error:
            raise self._wrong(f"{place}{error.place}", str(error)) from error
        except (ConfigurationError, FileFormatError) as error:
            raise self._wrong(place, str(error)) from error

    def _wrong(self, place: str, what: str) -> ConfigurationError:
        line = line_of(self._text, place) if place else None
        where = "" if line is None else f", line {line}"
        which = f"{redact(place)}: " if place else ""
        return ConfigurationError(f"{self._path}{where}: {which}{what}")

    def planned(
        self, written: form.Scenario, place: str, common: form.Server | None, limits: Sequence[str | form.Limit]
    ) -> Planned:
        """A scenario with all that the file says of it."""
        with self.at(f"{place}.name"):
            if not written.name.strip():
                raise ConfigurationError("it must be a text that is not empty")
        with self.at(f"{place}.server"):
            server = common if written.server is None else _with_variables(written.server)
            if server is None:
                raise ConfigurationError("nothing says where requests go: write [server] with a url")
        workload: Workload | None = None
        with self.at(f"{place}.load"):
            workload = None if written.load is None else workload_of(written.load)
        threshold = self._threshold((("thresholds", limits), (f"{place}.thresholds", written.thresholds)))
        with self.at(f"{place}.weight"):
            if not 0 < written.weight <= 1e9:  # noqa: PLR2004  # any bound that keeps sums finite
                raise ConfigurationError(f"it must be a number above 0 and at most 1e9, not {written.weight:g}")
        target = self._target(written, place, server)
        warmup_s = self._seconds(f"{place}.warmup", written.warmup, 1.0)
        start_s = self._seconds(f"{place}.start", written.start, 0.0)
        return Planned(written.name, target, workload, threshold, warmup_s, written.weight, start_s)

    def _threshold(self, given: Sequence[tuple[str, Sequence[str | form.Limit]]]) -> PerformanceThreshold | None:
        expressions: list[str | Threshold] = []
        for place, limits in given:
            for number, limit in enumerate(limits):
                with self.at(f"{place}[{number}]"):
                    expressions.append(_limit(limit))
                    PerformanceThreshold(expressions=expressions[-1:])  # says what is wrong with it, here
        return PerformanceThreshold(expressions=expressions) if expressions else None

    def _target(self, written: form.Scenario, place: str, server: form.Server) -> HttpTarget:
        requests = []
        for number, request in enumerate(written.request):
            with self.at(f"{place}.request[{number}]"):
                requests.append(_request(request))
        with self.at(f"{place}.request"):
            if not requests:
                raise ConfigurationError("there is none: write [[scenario.request]] with a path")
        timeout_s = self._seconds("server.timeout", server.timeout, 30.0)
        connect_timeout_s = self._seconds("server.connect_timeout", server.connect_timeout, 5.0)
        tls = server.tls or form.Tls()
        make = partial(
            HttpTarget,
            server.url,
            headers=server.headers,
            connections=server.connections,
            auth=None if server.auth is None else (server.auth.user, server.auth.password),
            bearer=server.bearer,
            ca_file=self._beside(tls.ca),
            cert_file=self._beside(tls.cert),
            key_file=self._beside(tls.key),
            insecure=tls.insecure,
            unix_socket=self._beside(server.unix_socket),
            follow_redirects=server.follow_redirects,
            keep_alive=server.keep_alive,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
        )
        rows = self._beside(written.rows)
        try:
            return make(requests=requests, rows=rows, seed=written.seed)
        except (ConfigurationError, FileFormatError):
            # Which part of it is wrong? Each is tried beside such as cannot be; what is left is of all together.
            plain = [HttpRequest("/")]
            with self.at("server" if written.server is None else f"{place}.server"):
                make(requests=plain)
            with self.at(f"{place}.rows"):
                make(requests=plain, rows=rows)
            for number, each in enumerate(requests):
                with self.at(f"{place}.request[{number}]"):
                    make(requests=[each], rows=rows)
            with self.at(place):
                raise

    def _seconds(self, place: str, text: str | None, default_s: float) -> float:
        with self.at(place):
            return default_s if text is None else parse_duration_s(text)

    def _beside(self, name: str | None) -> str | None:
        return None if name is None else str(self._path.parent / name)


def _limit(written: str | form.Limit) -> str | Threshold:
    if isinstance(written, str):
        return written
    delay_s = 0.0 if written.delay is None else seconds(".delay", written.delay)
    return Threshold(written.threshold, written.abort_on_fail, delay_s)


def _request(written: form.Request) -> HttpRequest:
    return HttpRequest(
        written.path,
        written.method,
        _filled_in(written.headers, ".headers"),
        body=written.body,
        json=written.json,
        form=written.form,
        name=written.name,
        weight=written.weight,
        expect=_expected(written.expect),
        check=None if written.check is None else _check(written.check),
    )


def _expected(written: int | list[int] | None) -> frozenset[int] | None:
    try:
        return statuses(written)
    except ConfigurationError as error:
        raise PlacedError(".expect", str(error)) from error


def _check(written: form.Check) -> HttpCheck:
    try:
        return HttpCheck(written.contains, written.headers or None, written.json or None)
    except ConfigurationError as error:
        raise PlacedError(".check", str(error)) from error


def _with_variables(server: form.Server) -> form.Server:
    """``server`` with what its variables of the environment stand for."""
    plain = {key: getattr(server, key) for key in ("url", "headers", "bearer")}
    filled = {key: _filled_in(value, f".{key}") for key, value in plain.items()}
    auth = server.auth
    if auth is not None:
        auth = form.Auth(user=_filled_in(auth.user, ".auth.user"), password=_filled_in(auth.password, ".auth.password"))
    return msgspec.structs.replace(server, auth=auth, **filled)


def _filled_in(value: _Tree, place: str) -> _Tree:
    """A text or a table of texts with the values of ``${NAME}``."""
    made: Any = value
    if isinstance(value, Mapping):
        made = {key: _filled_in(item, f"{place}.{key}") for key, item in value.items()}
    elif isinstance(value, str):

        def of_environment(match: re.Match[str]) -> str:
            found = os.environ.get(match["name"])
            if found is None:
                raise PlacedError(place, f"the environment has no variable {match['name']!r}")
            return found

        made = _VARIABLE.sub(of_environment, value)
    return made  # type: ignore[no-any-return]  # of the kind that was given


def _told(message: str) -> tuple[str, str]:
    """The place of what msgspec complains about, and the complaint, with the key that was meant."""
    match = _PLACE.fullmatch(message)
    what, place = (message, "") if match is None else (match["what"], match["place"])
    unknown = _UNKNOWN.fullmatch(what)
    if unknown is not None:
        key = unknown["key"]
        known = _keys_at(place)
        close = get_close_matches(key, known, n=1)
        meant = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
        what, place = f"unknown key; {meant}", f"{place}.{key}" if place else key
    if place.endswith(("scenario", "request")) and what == "Expected `array`, got `object`":
        what = f"there can be several: write [[{re.sub(_INDEX, '', place)}]], in two brackets"
    what = what.replace("Object missing required field", "there is no").replace("`", "'")
    return place, redact(what)


def _keys_at(place: str) -> tuple[str, ...]:
    """The keys of the table at a place such as ``scenario[...].request[...]``."""
    at = {
        "": form.File,
        "scenario": form.Scenario,
        "request": form.Request,
        "load": form.Load,
        "stages": form.Stage,
        "spike": form.Spike,
        "thresholds": form.Limit,
        "server": form.Server,
        "auth": form.Auth,
        "tls": form.Tls,
        "check": form.Check,
    }
    last = re.sub(_INDEX, "", place).rpartition(".")[2]
    table = at.get(last)
    return () if table is None else table.__struct_fields__
