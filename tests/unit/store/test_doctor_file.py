"""An examination in a file is what was seen: judged again it says the same."""

import json

import pytest

from paceline.core.errors import FileFormatError
from paceline.judge.fitness import judge_fitness
from paceline.judge.fitness_advice import advice_of
from paceline.records.doctor import DoctorRecord
from paceline.store.doctor import decode_doctor, encode_doctor
from tests.unit.judge.examined import QUIET, duet, examination


@pytest.mark.parametrize("record", [examination(), examination([duet("CPU", QUIET[:6])]), examination([])])
def test_it_comes_back(record: DoctorRecord) -> None:
    fitness = judge_fitness(record)
    data = encode_doctor(fitness, advice_of(fitness), "2026-11-22T18:00:05.000000Z")
    again = decode_doctor(data, "doctor.json")
    assert again == record
    assert judge_fitness(again) == fitness


def test_what_readers_get() -> None:
    fitness = judge_fitness(examination())
    plain = json.loads(encode_doctor(fitness, advice_of(fitness), "2026-11-22T18:00:05.000000Z"))
    assert plain["schema"] == "paceline/doctor/1"
    assert (plain["verdict"], plain["effect"], plain["findings"]) == ("fit", 0.05, [])
    assert plain["workloads"][0]["power"] == {"share": 1.0, "low": pytest.approx(0.83, abs=0.01), "high": 1.0}
    assert plain["workloads"][0]["same_code"] == "unchanged"
    unseen = judge_fitness(examination([duet("CPU", QUIET[:6])], interrupted=True))
    plain = json.loads(encode_doctor(unseen, (), ""))
    assert plain["verdict"] is None
    assert plain["smallest_visible"] is None  # no infinity in JSON


def test_what_is_no_examination() -> None:
    with pytest.raises(FileFormatError, match=r"doctor\.json: .*record"):
        decode_doctor(b"{}", "doctor.json")
