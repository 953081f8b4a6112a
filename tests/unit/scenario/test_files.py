import pickle
import sys
from pathlib import Path

import pytest

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError
from paceline.records.run_record import Execution
from paceline.scenario.files import FileScenario, load_scenarios
from tests.unit.scenario.stage import run

TWO = """
from paceline.scenario.model import Scenario
from neighbour_of_scenarios import URL

async def buy(user): ...
async def look(user): ...

first = Scenario(look, URL)
second = again = Scenario(buy, URL, name="shop")
"""


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules)


def written(folder: Path, text: str) -> Path:
    (folder / "neighbour_of_scenarios.py").write_text("URL = 'http://localhost:8000'\n")
    path = folder / "random.py"  # hides no module of that name
    path.write_text(text)
    return path


def test_all_scenarios_in_order(tmp_path: Path) -> None:
    found = load_scenarios(written(tmp_path, TWO))
    assert [scenario.name for scenario in found] == ["look", "shop"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = = 2\n", "random.py, line 2: SyntaxError: invalid syntax"),
        ("\nimport no_such_module_anywhere\n", "random.py, line 2: ModuleNotFoundError: No module named"),
        ("def f():\n    return {}['password=hunter2']\nf()\n", "random.py, line 2: KeyError: 'password=***"),
        ("raise SystemExit(3)\n", "random.py, line 1: SystemExit: 3"),
        ("import pytest\npytest.fail('no data')\n", "random.py, line 2: Failed: no data"),
        ("a = 1\n", "has no scenario: write one"),
        (TWO.replace('name="shop"', 'name="look"'), "two scenarios called 'look'"),
        (TWO.replace("(look, URL)", "(URL, look)"), "random.py, line 8: ConfigurationError: run must be a coroutine"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_scenarios(written(tmp_path, text))
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no file"):
        load_scenarios(tmp_path / "missing.py")


def test_a_scenario_of_a_file_is_sent_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, TWO)
    sent: FileScenario = pickle.loads(pickle.dumps(FileScenario(str(path), "shop")))
    assert (sent.text, sent.execution, sent.connections) == ("scenario shop of random.py", Execution.USERS, None)

    async def main() -> None:
        assert sent.lanes(SYSTEM_CLOCK).script.run.__name__ == "buy"
        with pytest.raises(ConfigurationError, match="no scenario 'other'"):
            FileScenario(str(path), "other").lanes(SYSTEM_CLOCK)

    run(main)
