"""The SDK's span → the part of it that may be kept, or nothing. Pure; runs on the application's thread.

The reduction happens before a span waits for anything, so prompts are freed with the application's own span and
what waits is small. The same allow-list decides again in the sift, byte for byte as for a request to the receiver.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.util.types import AnyValue

from spanledger.schemas.allowlist import ALLOWED_KEYS, ALLOWED_PREFIXES, MARKS

_MARKS: Final = tuple(mark.decode() for mark in MARKS["traces"])


class KeptSpan(ReadableSpan):
    """A usage span with its allow-listed attributes, without events and links."""

    def __init__(self, span: ReadableSpan, attributes: Mapping[str, AnyValue]) -> None:
        super().__init__(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            kind=span.kind,
            status=span.status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )
        self._dropped = span.dropped_attributes

    @property
    def dropped_attributes(self) -> int:
        """How many attributes the SDK's limits cost the span: its usage may be among them."""
        return self._dropped


def usage_span(span: ReadableSpan) -> ReadableSpan | None:
    """What is kept of a span that may state usage: a copy, unless all of it is; None for every other."""
    attributes = span.attributes
    if not attributes:
        return None
    kept = _kept_names(tuple(attributes))
    if not kept:
        return None
    if len(kept) == len(attributes) and type(span) is ReadableSpan and not _has_more(span):
        return span
    return KeptSpan(span, {name: attributes[name] for name in kept})


def _has_more(span: ReadableSpan) -> bool:
    # The public properties copy under a lock, which the handler of a signal would wait for in vain.
    return bool(len(span._events) or len(span._links))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


# The spans of one library carry the same names over and over.
@lru_cache(maxsize=4_096)
def _kept_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Of a span's attributes those that may be kept; none of a span without a mark, as nearly every one is."""
    # One search over all names, as the sift searches a request.
    text = "\n".join(names)
    return tuple(name for name in names if _is_kept(name)) if any(mark in text for mark in _MARKS) else ()


def _is_kept(name: str) -> bool:
    return name in ALLOWED_KEYS or name.startswith(ALLOWED_PREFIXES)
