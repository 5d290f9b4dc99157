"""Renders `provider_urls.py` of the schemas from the price catalogue; run me to renew it."""

import sys
from typing import Final

from genai_prices.data import providers

LINE_CHARS_MAX: Final = 121
HEADER: Final = '''\
"""Which provider answers at which URL: generated from the price catalogue, which an application cannot afford to load.

`python tests/support/provider_urls.py` renews this file; a test holds it equal to the catalogue.
"""

from typing import Final

PROVIDER_URLS: Final = (
'''


def rendered() -> str:
    """The module's text. Of several providers at one URL the first is kept: they differ in prices, not in place."""
    patterns: dict[str, str] = {}
    for provider in providers:
        patterns.setdefault(provider.api_pattern, provider.id)
    lines = "".join(_entry(pattern, identity) for pattern, identity in patterns.items())
    return f'{HEADER}{lines})\n"""A provider\'s id in the catalogue, and the pattern that its URLs begin with."""\n'


def _entry(pattern: str, identity: str) -> str:
    line = f'    ("{identity}", r"{pattern}"),\n'
    # As the formatter writes what is longer than a line.
    return line if len(line) <= LINE_CHARS_MAX else f'    (\n        "{identity}",\n        r"{pattern}",\n    ),\n'


if __name__ == "__main__":
    sys.stdout.write(rendered())
