"""Scenarios of Python files."""

import importlib.machinery
import importlib.util
import sys
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from zlib import crc32

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.core.redaction import redact
from paceline.records.run_record import Execution
from paceline.scenario.lanes import ScenarioLanes
from paceline.scenario.model import Scenario
from paceline.workload.legs import WHOLE, Leg


@dataclass(frozen=True, slots=True)
class FileScenario:
    """A scenario by file and name: it can be sent to another process, which loads the file where the users are made.

    Attributes:
        path: of the Python file.
        name: of the scenario in it.
        text: what it is, for people; ``Scenario.text`` where that is known.
        leg: which of its users are made, where several processes share them.
        source: what stands in it, where it travels.
    """

    path: str
    name: str
    text: str = ""
    leg: Leg = WHOLE
    source: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", str(Path(self.path).absolute()))
        object.__setattr__(self, "text", self.text or f"scenario {self.name} of {Path(self.path).name}")

    @property
    def connections(self) -> None:
        """Users have as many as they need."""

    @property
    def execution(self) -> Execution:
        """By virtual users."""
        return Execution.USERS

    @property
    def host(self) -> str | None:
        """Where its requests go; None for a Unix socket.

        Raises:
            ConfigurationError: the file cannot be loaded, or has no such scenario any more.
        """
        scenario = self._scenario()
        return None if scenario.unix_socket is not None else scenario.endpoint.host

    def packed(self) -> "FileScenario":
        """The same, carrying its file; what that imports has to be on the other machine.

        Raises:
            MeasurementError: it cannot be read.
        """
        try:
            return replace(self, source=Path(self.path).read_bytes())
        except OSError as error:
            raise MeasurementError(f"{self.path} cannot be read: {error.strerror or error}") from error

    def unpacked(self, folder: Path) -> "FileScenario":
        """The same, with its file in ``folder``."""
        path = folder / Path(self.path).name
        path.write_bytes(self.source or b"")
        return replace(self, path=str(path), source=None)

    def of_leg(self, leg: Leg) -> "FileScenario":
        """The users of ``leg``."""
        return replace(self, leg=leg)

    def lanes(self, clock: Clock) -> ScenarioLanes:
        """Its users, for one run on the running event loop.

        Raises:
            ConfigurationError: the file cannot be loaded, or has no such scenario any more.
        """
        return self._scenario().lanes(clock, self.leg)

    def _scenario(self) -> Scenario:
        for scenario in load_scenarios(self.path):
            if scenario.name == self.name:
                return scenario
        raise ConfigurationError(f"{self.path} has no scenario {self.name!r}")


def load_scenarios(path: str | Path) -> tuple[Scenario, ...]:
    """All scenarios that a Python file defines at its top level, in order. The file's folder becomes importable.

    Raises:
        ConfigurationError: it cannot be run, or has no scenario, or two of one name; the message says where.
    """
    file = Path(path).absolute()
    module = _module(file)
    found: list[Scenario] = []
    for value in vars(module).values():
        if isinstance(value, Scenario) and not any(value is scenario for scenario in found):
            found.append(value)
    if not found:
        raise ConfigurationError(
            f"{path} has no scenario: write one at its top level, such as shop = Scenario(buy, 'http://localhost:8000')"
        )
    names = [scenario.name for scenario in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{path} has two scenarios called {name!r}: give each a name=")
    return tuple(found)


def _module(file: Path) -> ModuleType:
    if not file.is_file():
        raise ConfigurationError(f"{file} is no file")
    # A name of its own: 'random.py' is a fine name for a scenario file, but not for a module.
    name = f"paceline_scenario_{crc32(str(file).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, file, loader=_loader(name, file))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # what pytest.fail raises is no Exception either
        sys.modules.pop(name, None)
        raise ConfigurationError(redact(f"{_place(error, file)}: {type(error).__name__}: {_message(error)}")) from error
    return module


def _loader(name: str, file: Path) -> importlib.machinery.SourceFileLoader:
    return importlib.machinery.SourceFileLoader(name, str(file))


def _place(error: BaseException, file: Path) -> str:
    """File and line that ``error`` is about: the last line of the user's own file, where it is in one."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{error.filename}, line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f"{file}, line {lines[-1]}" if lines else str(file)


def _message(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)
