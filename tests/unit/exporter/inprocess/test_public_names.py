import subprocess
import sys

import pytest

import spanledger.exporter


def test_importing_the_package_loads_nothing() -> None:
    """The command line and the receiver import it without paying for the SDK."""
    program = (
        "import sys, spanledger.exporter\n"
        "heavy = ('opentelemetry', 'google', 'spanledger.exporter.')\n"
        "assert not [name for name in sys.modules if name.startswith(heavy)]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_public_names_are_there() -> None:
    """What `from spanledger.exporter import …` promises, loaded when asked for."""
    assert spanledger.exporter.LedgerSpanExporter.__name__ == "LedgerSpanExporter"
    assert spanledger.exporter.LedgerSpanProcessor.__name__ == "LedgerSpanProcessor"


def test_any_other_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="LedgerSpanImporter"):
        _ = spanledger.exporter.LedgerSpanImporter  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
