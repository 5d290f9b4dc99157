"""Our own calls make no spans: a ledger that meters its own traffic would never rest."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

# What `opentelemetry.instrumentation.utils.suppress_instrumentation` sets, without its 50 ms of imports.
from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY,  # pyright: ignore[reportPrivateUsage]
    attach,
    detach,
    set_value,
)

# Instrumentations from before the key was made unique look for its plain name.
_OLD_KEY: Final = "suppress_instrumentation"


@contextmanager
def suppressed_instrumentation() -> Generator[None]:
    """Run a block in a context in which instrumentations leave calls alone."""
    suppressed = set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True)
    token = attach(set_value(_OLD_KEY, value=True, context=suppressed))
    try:
        yield
    finally:
        detach(token)
