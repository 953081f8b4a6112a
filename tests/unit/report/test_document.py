"""The view model: totals, and the order in which results are shown."""

from paceline.report.document import Totals, document_of
from tests.unit.report.cases import MACHINE, TIMESTAMP, failed, in_doubt, nothing, passed


def test_an_empty_report() -> None:
    document = document_of([], MACHINE, TIMESTAMP)
    assert document.totals == Totals(tests=0, passed=0, failed=0, warnings=0)
    assert document.results == document.worst_first == document.compared == ()


def test_totals_order_and_comparisons() -> None:
    results = [passed(), in_doubt(), failed(), nothing()]
    document = document_of(results, MACHINE, TIMESTAMP)
    assert document.totals == Totals(tests=4, passed=1, failed=2, warnings=1)
    assert document.results == tuple(results)
    # Failed before warned of before passed, each in the order they were measured.
    assert document.worst_first == (results[2], results[3], results[1], results[0])
    assert document.compared == tuple(results[:2])
