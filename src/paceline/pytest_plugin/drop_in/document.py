"""What a session is in pytest-benchmark's JSON: machine, commit, and each benchmark with its figures."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.version import __version__
from paceline.pytest_plugin.drop_in.fixture import Measured
from paceline.pytest_plugin.drop_in.options import Asked

# The version of pytest-benchmark whose form this is: readers look at it.
FORM = "5.3.1"


def machine_id() -> str:
    """The folder of this kind of machine: ``Linux-CPython-3.11-64bit``."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.system()}-{platform.python_implementation()}-{python}-{platform.architecture()[0]}"


def machine_info() -> dict[str, Any]:
    """Machine and interpreter, by pytest-benchmark's names."""
    from paceline.sysmon.fingerprint import this_machine

    return {
        "node": platform.node(),
        "processor": platform.processor(),
        "machine": platform.machine(),
        "python_compiler": platform.python_compiler(),
        "python_implementation": platform.python_implementation(),
        "python_implementation_version": platform.python_version(),
        "python_version": platform.python_version(),
        "python_build": list(platform.python_build()),
        "release": platform.release(),
        "system": platform.system(),
        "cpu": {"brand_raw": this_machine().cpu_model, "count": os.cpu_count(), "arch_string_raw": platform.machine()},
    }


def commit_info(folder: Path) -> dict[str, Any]:
    """The commit that is measured, by pytest-benchmark's names; ``unversioned`` where there is none."""
    from paceline.sysmon.revision import current_revision

    revision = current_revision(folder)
    commit, dirty = revision.commit.removesuffix("-dirty"), revision.commit.endswith("-dirty")
    return {
        "id": commit or "unversioned",
        "time": None,
        "author_time": None,
        "dirty": dirty,
        "project": folder.name,
        "branch": revision.branch or "(unknown)",
    }


def autosave_name(commit: Mapping[str, Any]) -> str:
    """``COMMIT_TIME``, with a word on what is not committed."""
    moment = SYSTEM_CLOCK.utc_now().strftime("%Y%m%d_%H%M%S")
    return "_".join(
        [str(commit.get("id", "unversioned")), moment, *(["uncommitted-changes"] if commit.get("dirty") else [])]
    )


def document(
    benchmarks: Sequence[Measured], machine: Mapping[str, Any], commit: Mapping[str, Any], *, include_data: bool
) -> dict[str, Any]:
    """The whole document; benchmarks whose operation raised are left out."""
    return {
        "machine_info": machine,
        "commit_info": commit,
        "benchmarks": [plain(each, include_data=include_data) for each in benchmarks if not each.has_error],
        "datetime": SYSTEM_CLOCK.utc_now().astimezone(UTC).isoformat(),
        "version": FORM,
        "written_by": f"paceline {__version__}",
    }


def plain(measured: Measured, *, include_data: bool) -> dict[str, Any]:
    """One benchmark of the document."""
    stats = measured.stats
    figures = {**stats.as_dict(), **{name: getattr(stats, name) for name in ("p90", "p95", "p99")}}
    if include_data:
        figures["data"] = stats.data
    return {
        "group": measured.group,
        "name": measured.name,
        "fullname": measured.fullname,
        "params": measured.params,
        "param": measured.param,
        "extra_info": measured.extra_info,
        "options": _options(measured.options),
        "stats": {**figures, "iterations": measured.iterations},
    }


def encoded(content: Mapping[str, Any]) -> bytes:
    """As JSON; what has no form in it stands as ``UNSERIALIZABLE[...]``."""
    return json.dumps(_keyed(content), default=lambda value: f"UNSERIALIZABLE[{value!r}]", indent=4).encode() + b"\n"


def _keyed(value: Any) -> Any:  # noqa: ANN401  # whatever users put into it
    """Keys as texts: a tuple as a key is no JSON."""
    if isinstance(value, Mapping):
        return {str(key): _keyed(item) for key, item in value.items()}
    return [_keyed(item) for item in value] if isinstance(value, list | tuple) else value


def _options(asked: Asked) -> dict[str, object]:
    """How it was measured, as pytest-benchmark says it."""
    timer = asked.timer
    is_until_precise = bool(asked.precision and asked.confidence)
    return {
        "disable_gc": asked.disable_gc,
        "timer": getattr(timer, "__name__", str(timer)) if callable(timer) else str(timer).rpartition(".")[2],
        "min_rounds": asked.min_rounds,
        "max_time": asked.max_time,
        "min_time": asked.min_time,
        "precision": asked.precision if is_until_precise else None,
        "confidence": asked.confidence if is_until_precise else None,
        "warmup": asked.warmup and asked.warmup_iterations,
    }
