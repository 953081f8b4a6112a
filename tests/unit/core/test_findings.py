from paceline.core.findings import Finding


def test_a_finding_reads_as_one_paragraph_and_only_informs_unless_it_says_more() -> None:
    finding = Finding(code="noisy", seen="It jumps.", why="Figures scatter.", advice="Close the browser.")
    assert str(finding) == "It jumps. Figures scatter. Close the browser."
    assert finding.serious is False
