"""Which machine and interpreter this is, as far as it tells."""

import platform
from pathlib import Path
from typing import Any

import pytest

import paceline
from paceline.sysmon.fingerprint import _cpu_model, this_machine


def test_this_machine() -> None:
    fingerprint = this_machine()
    assert fingerprint.python == f"CPython {platform.python_version()}"
    assert fingerprint.paceline == paceline.__version__
    assert fingerprint.cpu_count
    assert fingerprint.memory_gib
    assert platform.node() not in repr(fingerprint)  # the machine's name does not belong in a report


@pytest.mark.parametrize(
    ("cpuinfo", "processor", "model"),
    [
        ("processor : 0\nmodel name\t: Fast  CPU\t@ 3 GHz\nmodel name : second\n", "", "Fast CPU @ 3 GHz"),
        ("processor : 0\nBogoMIPS : 1\n", "aarch64", "aarch64"),
        (None, "arm", "arm"),
        (None, "", "unknown"),
    ],
)
def test_the_model_of_the_processor(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: str | None, processor: str, model: str
) -> None:
    def read_text(*_: Any, **__: Any) -> str:
        if cpuinfo is None:
            raise FileNotFoundError
        return cpuinfo

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(platform, "processor", lambda: processor)
    assert _cpu_model() == model
