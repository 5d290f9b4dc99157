"""What the decoder makes of spans, as a receiver hands them on: for tests of dialects."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from support.otlp import Value, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.sift import sift
from spanledger.schemas.claim import Claim

OPEN = Credential("*", "unattributed")


def decoded(
    attributes: Mapping[str, Value], *, scope: str, name: str = "chat", error: bool = False
) -> Claim | Quarantined | None:
    """What one span of a scope says; None also if nothing of it is kept."""
    made = span(attributes, error=error)
    made.name = name
    kept = sift(sift(request(made, scope=scope)).payload).spans
    return decode(kept[0], OPEN) if kept else None


def claim_of(attributes: Mapping[str, Value], *, scope: str, name: str = "chat", error: bool = False) -> Claim:
    """As `decoded`, for a span that is a claim."""
    found = decoded(attributes, scope=scope, name=name, error=error)
    assert isinstance(found, Claim), found
    return found


def claims_in(path: Path) -> Iterator[Claim]:
    """Every claim in a file of traces; nothing in it may be set aside."""
    if not path.exists():
        return
    for kept in sift(path.read_bytes()).spans:
        found = decode(kept, OPEN)
        assert not isinstance(found, Quarantined), found
        if found is not None:
            yield found
