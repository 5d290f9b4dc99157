"""The table of provider URLs is the price catalogue's."""

from pathlib import Path

from support.provider_urls import rendered

import spanledger.schemas.provider_urls as kept


def test_the_provider_urls_are_the_catalogues() -> None:
    """A renewed catalogue shows here; `python tests/support/provider_urls.py` renews the table."""
    assert Path(kept.__file__).read_text() == rendered()
