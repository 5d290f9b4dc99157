"""Our own calls make no spans: a ledger that meters its own traffic would never rest."""

from collections.abc import Generator
from contextlib import contextmanager

# The SDK's own exporters set the same key; `opentelemetry.instrumentation.utils` wraps it for 50 ms of imports.
from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY,  # pyright: ignore[reportPrivateUsage]
    attach,
    detach,
    set_value,
)


@contextmanager
def suppressed_instrumentation() -> Generator[None]:
    """Run a block in a context in which instrumentations leave calls alone."""
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # noqa: FBT003 (the API's signature)
    try:
        yield
    finally:
        detach(token)
