"""The modules of pytest-benchmark that suites import: while its drop-in is there, they are found.

Suites name the fixture's type (``from pytest_benchmark.fixture import BenchmarkFixture``), or ask whether there are
benchmarks at all (``pytest.importorskip("pytest_benchmark")``). Whoever has the real package gets that: it is looked
for first. Other modules of it are not there, and importing one is the usual error.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

PACKAGE = "pytest_benchmark"


def is_installed() -> bool:
    """Whether the real package can be imported."""
    spec = find_spec(PACKAGE)
    return spec is not None and not isinstance(spec.loader, StandIn)


class StandIn(MetaPathFinder, Loader):
    """Finds the modules, when all others have not; a plugin, for as long as the session is. They are made on import."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # of the import system
        target: ModuleType | None = None,  # noqa: ARG002  # likewise
    ) -> ModuleSpec | None:
        """The import system's question."""
        if fullname not in _CONTENTS:
            return None
        return ModuleSpec(fullname, self, origin="paceline", is_package=fullname == PACKAGE)

    def exec_module(self, module: ModuleType) -> None:
        """Put the names in."""
        vars(module).update(_CONTENTS[module.__name__]())

    def put(self) -> None:
        """To the end of where modules are looked for."""
        sys.meta_path.append(self)

    def pytest_unconfigure(self) -> None:
        """Leave the import system as it was."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in _CONTENTS:
            spec = getattr(sys.modules.get(name), "__spec__", None)
            if spec is not None and spec.loader is self:
                del sys.modules[name]


def _package() -> Mapping[str, object]:
    from paceline.pytest_plugin.drop_in.document import FORM

    return {"__version__": FORM}


def _fixture() -> Mapping[str, object]:
    from paceline.pytest_plugin.drop_in.fixture import BenchmarkFixture, FixtureAlreadyUsed

    return {"BenchmarkFixture": BenchmarkFixture, "FixtureAlreadyUsed": FixtureAlreadyUsed}


def _stats() -> Mapping[str, object]:
    from paceline.pytest_plugin.drop_in.fixture import Measured
    from paceline.pytest_plugin.drop_in.stats import Stats

    return {"Metadata": Measured, "Stats": Stats}


_CONTENTS: Mapping[str, Callable[[], Mapping[str, object]]] = {
    PACKAGE: _package,
    f"{PACKAGE}.fixture": _fixture,
    f"{PACKAGE}.stats": _stats,
}
