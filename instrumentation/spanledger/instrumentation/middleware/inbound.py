"""What a request's headers say of whom it is for, believed only of a trusted peer.

The application sees every header as it came; an untrusted peer's are merely not read.
"""

from collections.abc import Callable, Sequence
from typing import Final

from spanledger.instrumentation.attributing.applied import Change, attributed
from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.attributing.fields import attributes_of
from spanledger.instrumentation.attributing.installing import install
from spanledger.instrumentation.attributing.naming import BAGGAGE, fields_in
from spanledger.instrumentation.attributing.trust import is_trusted

HEADERS: Final = {
    "x-user-id": "user_id",
    "x-feature": "feature",
    "x-team": "team",
    "x-cost-center": "cost_center",
}
"""Request header → the field it states; it wins over baggage, because a caller sets it on purpose."""


def change_of(peer: str, header: Callable[[str], str | None], trusted: Sequence[str] | None) -> Change:
    """What a request changes in the context it is answered in. `header` gives a header's value by lowercase name."""
    install()
    said: dict[str, str] = {}
    try:
        if is_trusted(peer, trusted):
            said = _said(header)
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("a request cannot be attributed", error)
    return lambda context: attributed(context, said) if said else context


def _said(header: Callable[[str], str | None]) -> dict[str, str]:
    fields: dict[str, object] = {}
    if baggage := header(BAGGAGE):
        fields.update(fields_in(baggage))
    fields.update({field: value for name, field in HEADERS.items() if (value := header(name))})
    return attributes_of(fields)
