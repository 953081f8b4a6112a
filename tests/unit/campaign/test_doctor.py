"""What is examined, and with what."""

import os

import pytest

from paceline.campaign import doctor_workloads
from paceline.campaign.doctor import _WORKLOADS, DoctorPlan
from paceline.core.errors import ConfigurationError


@pytest.mark.parametrize("effect", [0.0201, 0.05, 1.0])
def test_changes_that_can_be_found(effect: float) -> None:
    assert DoctorPlan(effect=effect).effect == effect


@pytest.mark.parametrize("effect", [0.02, 0.0, -0.05, 1.01, float("nan"), float("inf")])
def test_changes_that_no_duet_calls_one(effect: float) -> None:
    with pytest.raises(ConfigurationError, match="effect must be above 2 % and at most 100 %, not"):
        DoctorPlan(effect=effect)


@pytest.mark.parametrize("pairs", [6, 0, True, 20.0])
def test_too_few_pairs(pairs: int) -> None:
    with pytest.raises(ConfigurationError, match="pairs must be a whole number from 7"):
        DoctorPlan(pairs=pairs)


def test_each_workload_runs_and_leaves_nothing_behind() -> None:
    for call, setup, teardown in _WORKLOADS.values():
        for name in (setup, call, call, teardown):
            if name is not None:
                getattr(doctor_workloads, name)()
    assert len(doctor_workloads._buffer) == 0
    for descriptor in doctor_workloads._pipe:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_the_walk_goes_far_and_stays_within() -> None:
    doctor_workloads.fill_memory()
    try:
        first = doctor_workloads._offset
        offsets = set()
        for _ in range(2_000):
            # Each byte is 1: their sum says that no step was lost at the end.
            assert doctor_workloads.walk_memory() == doctor_workloads._STEPS
            offsets.add(doctor_workloads._offset)
        assert len(offsets) == 2_000
        assert first % 64 == 0
    finally:
        doctor_workloads.free_memory()
