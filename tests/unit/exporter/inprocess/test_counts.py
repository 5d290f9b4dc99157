import pytest

from spanledger.exporter.inprocess.counts import Counts


def test_every_failure_is_counted_and_the_first_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A disk that fails all day does not fill it with lines."""
    counts = Counts()
    counts.add("journal_failures", reason="no space left")
    counts.add("journal_failures", reason="no space left")
    counts.add("lost", 3, reason="over the bound")
    assert counts.read() == {"journal_failures": 2, "lost": 3}
    assert [record.getMessage() for record in caplog.records] == [
        "spanledger: no space left (logged once; counted as journal_failures)",
        "spanledger: over the bound (logged once; counted as lost)",
    ]


def test_what_goes_well_is_counted_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    """No reason, no line; and what never happened is absent."""
    counts = Counts()
    counts.add("journaled", 2)
    assert counts.read() == {"journaled": 2}
    assert caplog.records == []
