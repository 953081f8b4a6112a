"""The benchmarks of one pytest session: collected, compared with saved ones, saved, shown."""

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from paceline.pytest_plugin.drop_in.options import BenchmarkOptions, options_of

if TYPE_CHECKING:
    from paceline.pytest_plugin.drop_in.fixture import Measured
    from paceline.pytest_plugin.drop_in.storage import Storage

_NOW = "NOW"  # what this session's figures are called beside saved ones
Timer = Callable[[], float]


class BenchmarkSession:
    """The benchmarks of one session.

    Args:
        config: pytest's.

    Attributes:
        options: the options ``--benchmark-*``.
        benchmarks: what was measured, in order.
        notices: what a person should know at the end, a sentence each.
        regressions: figures that grew by more than ``--benchmark-compare-fail`` allows, a sentence each.

    Raises:
        pytest.UsageError: an option is wrong.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.options: BenchmarkOptions = options_of(config)
        self.benchmarks: list[Measured] = []
        self.notices: list[str] = []
        self.regressions: list[str] = []
        self._config = config
        self._rows: list[Mapping[str, Any]] = []
        timer_named(self.options.asked.timer)
        if not self.options.storage.startswith("file://") and "://" in self.options.storage:
            self._storage()  # says what is wrong with it
        if self.options.json is not None:
            from paceline.core.errors import OutputError
            from paceline.store.files import check_writable

            try:
                check_writable(self.options.json)
            except OutputError as error:
                raise pytest.UsageError(f"--benchmark-json: {error}") from error

    def finish(self) -> None:
        """Write what is to be written, and hold it against what was saved.

        What cannot be written, or compared, is a notice: a session must not lose its other results by it.
        """
        from paceline.core.errors import PacelineError

        saves = self.options.save is not None or self.options.autosave
        if not self.benchmarks:
            if (saves or self.options.json) and not self.options.disable:
                self.notices.append("Not saving anything, no benchmarks have been run!")
            return
        try:
            if self.options.compare is not None:
                self._compare(self.options.compare)
            if saves or self.options.json is not None:
                self._save()
        except PacelineError as error:
            self.notices.append(str(error))
            self.regressions.append(str(error))
        known = {row["fullname"] for row in self._rows}
        self._rows += [{**_row(each), "source": _NOW if each.fullname in known else None} for each in self.benchmarks]

    def lines(self) -> list[Any]:
        """The tables."""
        if not self._rows or self.options.quiet:
            return []
        from paceline.pytest_plugin.drop_in.table import grouped, tables

        options = self.options
        own = self._config.hook.pytest_benchmark_group_stats(
            config=self._config, benchmarks=self._rows, group_by=options.group_by
        )
        groups = grouped(self._rows, options.group_by) if own is None else list(own)
        return list(
            tables(groups, columns=options.columns, sort=options.sort, name_form=options.name, unit=options.time_unit)
        )

    def _storage(self) -> "Storage":
        from paceline.core.errors import ConfigurationError
        from paceline.pytest_plugin.drop_in.document import machine_id
        from paceline.pytest_plugin.drop_in.storage import Storage

        try:
            return Storage(self.options.storage, self._config.invocation_params.dir, machine_id())
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from error

    def _compare(self, wanted: str) -> None:
        storage = self._storage()
        files = storage.found(wanted)
        if not files:
            text = f"Can't compare. No benchmark files in {str(storage.path)!r}"
            text += f" match {wanted!r}." if wanted else ". Can't load the previous benchmark."
            self.notices.append(text)
            # Asked to fail when something got slower, and nothing to see it by: that must not look like a pass.
            if self.options.compare_fail:
                self.regressions.append(text)
        for path in files:
            saved, source = storage.load(path), storage.short(path)
            self.notices.append(f"Comparing against benchmarks from: {path}")
            self._look_at_machine(saved.machine_info)
            by_name = {each.fullname: each for each in saved.benchmarks}
            for measured in self.benchmarks:
                if (other := by_name.get(measured.fullname)) is None:
                    continue
                self._rows.append({**_row(measured), **_figures(other.stats), "source": source, "has_error": False})
                for limit in self.options.compare_fail:
                    if told := limit.broken(_row(measured), _figures(other.stats)):
                        self.regressions.append(f"{measured.fullname}: {told} ({source})")

    def _look_at_machine(self, saved: Mapping[str, Any]) -> None:
        here = self._machine_info()
        names = ("system", "machine", "python_implementation", "python_version")
        differ = [
            f"{name} {saved.get(name)} -> {here.get(name)}" for name in names if saved.get(name) != here.get(name)
        ]
        models = [_cpu_model(info) for info in (saved, here)]
        if models[0] and models[0] != models[1]:
            differ.append(f"cpu {models[0]} -> {models[1]}")
        if differ:
            self.notices.append(f"Benchmark machine_info is different: {', '.join(differ)}")

    def _machine_info(self) -> dict[str, Any]:
        from paceline.pytest_plugin.drop_in.document import machine_info

        hook = self._config.hook
        info = hook.pytest_benchmark_generate_machine_info(config=self._config)
        info = machine_info() if info is None else info
        hook.pytest_benchmark_update_machine_info(config=self._config, machine_info=info)
        return info

    def _save(self) -> None:
        from paceline.pytest_plugin.drop_in.document import autosave_name, commit_info, encoded
        from paceline.store.files import write_atomically

        hook, options = self._config.hook, self.options
        commit = hook.pytest_benchmark_generate_commit_info(config=self._config)
        commit = commit_info(self._config.rootpath) if commit is None else commit
        hook.pytest_benchmark_update_commit_info(config=self._config, commit_info=commit)
        machine = self._machine_info()

        def data(*, include_data: bool) -> bytes:
            content = hook.pytest_benchmark_generate_json(
                config=self._config,
                benchmarks=self.benchmarks,
                include_data=include_data,
                machine_info=machine,
                commit_info=commit,
            )
            hook.pytest_benchmark_update_json(config=self._config, benchmarks=self.benchmarks, output_json=content)
            return encoded(content)

        if options.json is not None:
            write_atomically(options.json, data(include_data=True))
            self.notices.append(f"Wrote benchmark data in: {options.json}")
        if options.save is not None or options.autosave:
            name = options.save or autosave_name(commit)
            path = self._storage().save(data(include_data=options.save_data), name)
            self.notices.append(f"Saved benchmark data in: {path}")


def timer_named(timer: object) -> Timer:
    """The function that ``--benchmark-timer`` or the marker names.

    Raises:
        pytest.UsageError: there is none.
    """
    if callable(timer):
        return timer
    module_name, dot, name = str(timer).rpartition(".")
    if not dot:
        raise pytest.UsageError(
            f"Value for --benchmark-timer must be in dotted form. Eg: 'module.attr', not {str(timer)!r}."
        )
    try:
        # pep418 was the backport of what time has long had.
        found = getattr(importlib.import_module("time" if module_name == "pep418" else module_name), name)
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(f"--benchmark-timer: there is no {timer}: {error}") from error
    if not callable(found):
        raise pytest.UsageError(f"--benchmark-timer: {timer} is no function")
    return found  # type: ignore[no-any-return]


def _cpu_model(machine: Mapping[str, Any]) -> object:
    cpu = machine.get("cpu")
    return (cpu.get("brand_raw") or cpu.get("brand")) if isinstance(cpu, Mapping) else None


def _row(measured: "Measured") -> dict[str, Any]:
    from paceline.pytest_plugin.drop_in.values import COLUMNS

    figures = {column: measured.get(column) for column in COLUMNS}
    names = ("name", "fullname", "group", "param", "params", "extra_info", "has_error")
    return {**figures, **{name: getattr(measured, name) for name in names}, "source": None, "path": None}


def _figures(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Of a saved benchmark; what an older file does not have is None."""
    from paceline.pytest_plugin.drop_in.values import COLUMNS

    figures = {column: stats.get(column) for column in COLUMNS}
    if figures["ops"] is None and figures["mean"]:
        figures["ops"] = 1 / figures["mean"]
    return figures


_KEY: pytest.StashKey[BenchmarkSession] = pytest.StashKey()


def benchmark_session(config: pytest.Config) -> BenchmarkSession:
    """The session of ``config``, the same one each time."""
    if _KEY not in config.stash:
        config.stash[_KEY] = BenchmarkSession(config)
    return config.stash[_KEY]
