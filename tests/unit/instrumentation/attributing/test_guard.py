from collections.abc import Callable, Iterator, Mapping
from typing import cast

import pytest
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import attach, detach
from opentelemetry.propagators.textmap import Getter
from support.attributing import stamped, tracer

from spanledger.instrumentation import attribution
from spanledger.instrumentation.attributing.guard import guard
from spanledger.instrumentation.attributing.trust import HOSTS, TRUSTED_PEERS, is_ours, is_trusted
from spanledger.schemas import attributes as a

FORGED = "ledger.tenant=umbrella,color=red"


def told(attributes: Mapping[str, str | int]) -> str:
    """The baggage that a client span with these attributes sends."""
    carrier: dict[str, str] = {}
    with (
        attribution(tenant="acme", feature="a b"),
        tracer.start_as_current_span("GET", attributes=attributes),
    ):
        W3CBaggagePropagator().inject(carrier)
    return carrier.get("baggage", "")


def believed(carrier: object) -> tuple[dict[str, object], dict[str, object]]:
    """What a span in the context extracted of a carrier is stamped with, and the baggage that is left."""
    guard()
    context = W3CBaggagePropagator().extract(carrier, getter=Forging())
    token = attach(context)
    try:
        return stamped(), dict(baggage.get_all())
    finally:
        detach(token)


class Forging(Getter[object]):
    """Every carrier of these tests brings the same header."""

    def get(self, carrier: object, key: str) -> list[str] | None:  # noqa: ARG002 (a getter's)
        """That header."""
        return [FORGED] if key == "baggage" else None

    def keys(self, carrier: object) -> list[str]:  # noqa: ARG002 (a getter's)
        """Its name."""
        return ["baggage"]


@pytest.mark.parametrize(
    "attributes",
    [
        {a.URL_FULL: "https://user:pw@billing.corp:8443/x?y"},
        {a.HTTP_URL: "http://billing.corp/"},
        {a.SERVER_ADDRESS: "billing.corp", a.SERVER_PORT: 443},
        {a.NET_PEER_NAME: "BILLING.corp"},
    ],
)
def test_a_host_of_ours_is_told(attributes: dict[str, str | int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the client's instrumentation calls the host."""
    monkeypatch.setenv(HOSTS, "10.0.0.0/8, *.corp")
    assert told(attributes) == "ledger.tenant=acme,ledger.feature=a+b"


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {a.URL_FULL: "https://api.openai.com/v1"},
        {a.URL_FULL: "https://evilcorp/"},
        {a.URL_FULL: "https://stranger/?https://billing.corp/"},
        {a.URL_FULL: "https://billing.corp@stranger/"},
    ],
)
def test_no_other_host_is_told(attributes: dict[str, str | int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one that cannot be known; without the setting nobody is."""
    monkeypatch.setenv(HOSTS, "*.corp")
    assert told(attributes) == ""
    monkeypatch.delenv(HOSTS)
    assert told({a.URL_FULL: "https://billing.corp/"}) == ""


def test_other_baggage_passes() -> None:
    """What is not ours to keep is not kept."""
    guard()
    carrier: dict[str, str] = {}
    W3CBaggagePropagator().inject(carrier, baggage.set_baggage("color", "red"))
    assert carrier == {"baggage": "color=red"}


class Unlisted(dict[object, str]):
    """Headers that are written and never listed."""

    def __iter__(self) -> Iterator[object]:
        """Refuse."""
        raise NotImplementedError


@pytest.mark.parametrize("made", [lambda: {1: "x", None: "y", b"baggage": "z"}, Unlisted])
def test_headers_of_any_kind_are_told_what_they_would_be_told_without_us(
    made: Callable[[], dict[object, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its names are: the application's own baggage is sent, as the propagator sends it."""
    monkeypatch.setenv(HOSTS, "*.corp")
    carrier = made()
    before = dict(carrier.items())
    with (
        attribution(tenant="acme"),
        tracer.start_as_current_span("GET", attributes={a.URL_FULL: "https://stranger/"}),
    ):
        context = baggage.set_baggage("color", "red")
        W3CBaggagePropagator().inject(
            cast("dict[str, str]", carrier), baggage.set_baggage(cast("str", 7), "x", context)
        )
    assert dict(carrier.items()) == {**before, "baggage": "color=red,7=x"}


@pytest.mark.parametrize(
    "carrier",
    [
        {},
        {"REMOTE_ADDR": "203.0.113.9"},
        {"type": "http", "client": ("203.0.113.9", 1), "headers": []},
        {"type": "http", "client": None, "headers": []},
        object(),
    ],
)
def test_a_stranger_is_not_believed(carrier: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its `ledger.*` is gone, so that the next service does not believe us what a stranger said."""
    monkeypatch.setenv(TRUSTED_PEERS, "10.0.0.0/8")
    assert believed(carrier) == ({}, {"color": "red"})


@pytest.mark.parametrize(
    "carrier", [{"REMOTE_ADDR": "10.1.2.3"}, {"type": "http", "client": ("10.1.2.3", 1), "headers": []}]
)
def test_a_trusted_peer_is_believed(carrier: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer is whoever holds the connection, as the server saw it."""
    monkeypatch.setenv(TRUSTED_PEERS, "10.0.0.0/8")
    assert believed(carrier) == ({"tenant": "umbrella"}, {"color": "red", "ledger.tenant": "umbrella"})


def test_names_and_networks_are_matched_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host fits by name, with or without its port, below a name, or in a network; nothing fits by accident."""
    monkeypatch.setenv(HOSTS, "llm.internal,*.corp,10.0.0.0/8,[::1]:8000,db:9000")
    ours = ["llm.internal", "LLM.internal:8000", "a.b.corp", "10.9.8.7:80", "[::1]:8000", "db:9000"]
    others = ["corp", "notllm.internal", "llm.internal.evil", "11.0.0.1", "db", "db:9001", "", "xcorp"]
    assert [host for host in (*ours, *others) if is_ours(host)] == ours
    monkeypatch.setenv(TRUSTED_PEERS, "unix")
    assert is_trusted("")
    assert not is_trusted("127.0.0.1")
    assert is_trusted("203.0.113.9", ["*"])
    assert not is_trusted("203.0.113.9", [])
