"""What is set aside is known by its content, and brings itself again."""

import msgspec
import pytest
from support.otlp import chat, request, span
from support.otlp_logs import log, logs_request

from spanledger.exporter.journal import Entry, Signal
from spanledger.exporter.posting.aside import alone, aside_id
from spanledger.exporter.sift import sift

RESOURCE = {"service.name": "shop", "ledger.team": "search", "deployment.environment.name": "prod"}


def entry(body: bytes, signal: Signal = Signal.TRACES) -> Entry:
    """A request as the journal has it."""
    charged = signal.charged
    assert charged
    sifted = sift(body, charged)
    return Entry(sifted.payload, signal, "*", "acme", sifted.received)


def parts(whole: Entry) -> list[Entry]:
    """Each of its elements alone."""
    charged = whole.signal.charged
    assert charged
    return [alone(whole, each) for each in sift(whole.payload, charged).spans]


@pytest.mark.parametrize(
    "whole",
    [
        entry(request(span(chat()), span(chat(), span_id=2), resource=RESOURCE)),
        entry(
            logs_request(
                log(chat(), event="gen_ai.client.inference.operation.details"),
                log(chat(), event="gen_ai.client.inference.operation.details", span_id=2),
                resource=RESOURCE,
            ),
            Signal.LOGS,
        ),
    ],
    ids=["spans", "log records"],
)
def test_an_element_alone_says_what_it_said_in_company(whole: Entry) -> None:
    """Its attributes, its sender and its emitter are the same, and alone it is what it was: the id does not change."""
    charged = whole.signal.charged
    assert charged
    together = sift(whole.payload, charged).spans
    assert len(together) == 2
    for span_together, part in zip(together, parts(whole), strict=True):
        [span_alone] = sift(part.payload, charged).spans
        assert msgspec.structs.astuple(span_alone)[1:] == msgspec.structs.astuple(span_together)[1:]
        ours, theirs = span_alone.resource, span_together.resource
        assert (ours.attributes, ours.scope_name) == (theirs.attributes, theirs.scope_name)
        assert len(ours.attributes) == len(RESOURCE)
        [again] = parts(part)
        assert (again, aside_id(again)) == (part, aside_id(part))
    assert len({aside_id(each) for each in parts(whole)}) == 2


def test_the_order_of_what_has_none_makes_no_difference() -> None:
    """A resource is a map: a sender that states it in another order sends the same thing."""
    whole = entry(request(span(chat()), resource=RESOURCE))
    [one] = sift(whole.payload).spans
    turned = dict(reversed(one.resource.attributes.items()))
    other = msgspec.structs.replace(one, resource=msgspec.structs.replace(one.resource, attributes=turned))
    assert alone(whole, one) == alone(whole, other)


@pytest.mark.parametrize("change", [{"tenant": "globex"}, {"scope": "acme"}, {"signal": Signal.LOGS}, {"payload": b""}])
def test_other_content_or_another_sender_is_another_thing(change: dict[str, object]) -> None:
    """Nobody's is taken for somebody else's."""
    whole = entry(request(span(chat())))
    fields = {"payload": whole.payload, "signal": whole.signal, "scope": whole.scope, "tenant": whole.tenant}
    assert aside_id(Entry(**{**fields, **change}, elements=1)) != aside_id(whole)  # pyright: ignore[reportArgumentType]
