"""An examination as a file: what was seen, and what was concluded for readers that do not judge themselves."""

from collections.abc import Sequence
from dataclasses import asdict

import msgspec

from paceline.core.findings import Finding
from paceline.judge.fitness import Fitness
from paceline.records.doctor import DoctorRecord
from paceline.store.codec import decode, encode

DOCTOR_SCHEMA = "paceline/doctor/1"


def encode_doctor(fitness: Fitness, advice: Sequence[Finding], timestamp: str) -> bytes:
    """What the file contains."""
    record = fitness.record
    document = {
        "schema": DOCTOR_SCHEMA,
        "timestamp": timestamp,
        "environment": {**asdict(record.fingerprint), "key": record.fingerprint.key},
        "verdict": None if fitness.grade is None else fitness.grade.value,
        "reason": fitness.reason,
        "effect": record.effect,
        "smallest_visible": fitness.smallest_visible,
        "workloads": [
            {
                "name": each.name,
                "grade": each.grade.value,
                "pairs": each.duet.pairs,
                "call_ns": each.call_ns,
                "spread": each.spread,
                "smallest_visible": each.smallest_visible,
                "same_code": each.duet.verdict,
                "planted_found": each.found,
                "power": each.power,
                "pairs_for_effect": each.pairs_for_effect,
            }
            for each in fitness.workloads
        ],
        "findings": advice,
        "record": record,
    }
    return msgspec.json.format(encode(document), indent=1) + b"\n"


class _File(msgspec.Struct):
    record: DoctorRecord


def decode_doctor(data: bytes, source: str) -> DoctorRecord:
    """What was seen, to be judged again.

    Raises:
        FileFormatError: ``data`` is no examination; the message names ``source``, the place and what was expected.
    """
    return decode(data, _File, source).record
