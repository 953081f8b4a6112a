"""Reading scenario files, whichever language they are written in."""

from pathlib import Path

from paceline.scenario.files import FileScenario, load_scenarios
from paceline.scenario.plan import Plan, Planned


def load_plan(path: str | Path) -> Plan:
    """What the file asks for: TOML by its suffix, Python otherwise.

    Raises:
        ConfigurationError: it cannot be read, or something in it is wrong; the message says where.
    """
    if Path(path).suffix.lower() == ".toml":
        from paceline.scenario.toml_file import read_plan

        return read_plan(Path(path))
    return Plan(
        tuple(
            Planned(
                name=str(scenario.name),
                target=FileScenario(str(path), str(scenario.name), scenario.text),
                workload=scenario.workload,
                threshold=scenario.threshold,
                warmup_s=scenario.warmup_s,
                weight=scenario.weight,
                start_s=scenario.start_s,
            )
            for scenario in load_scenarios(path)
        )
    )
