"""Whatever is asked, by whom ever: an answer or one sentence, and nothing in the ledger is changed by it."""

from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from support.api import Api, api_over
from support.asking import post
from support.ledger_events import event

from spanledger.exporter.store import Store
from spanledger.ledger.api.asking import keys_of
from spanledger.ledger.api.route import AnyRoute
from spanledger.ledger.api.routes import ROUTES

HOSTILE = (
    "'",
    "\\' OR 1=1 --",
    "{zone}",
    "\0",
    "a\r\nx-injected: 1",
    "\u202eevil\ud7ff\U0001f600",
    "=cmd|'/c calc'!A0",
    "1e999",
    "99999999999999999999999",
    "nan",
    "null",
    ",",
    "",
    "a" * 4_000,
    "a" * 1_024,
    "2026-04-01T00:00:00",
    "0001-01-01T00:00:00+23:59",
    "Europe/../../etc/passwd",
)
READING = [route for route in ROUTES if route.method == "GET" and route.role == "read"]


@pytest.fixture
def api(store: Store, tmp_path: Path) -> Generator[Api]:
    """Two tenants' usage."""
    post(store, event(1), event(2, tenant="globex"))
    with api_over(store, tmp_path) as api:
        yield api


@pytest.mark.parametrize("route", READING, ids=lambda route: route.path)
def test_every_parameter_takes_anything(api: Api, store: Store, route: AnyRoute) -> None:
    """Each by itself, from every part of the question; nobody else's name is ever in what comes back."""
    key, before = api.key("acme"), store.query("SELECT count(), sum(cityHash64(*)) FROM ledger_events FINAL")
    mappings = keys_of(route.asked)
    names = [name for name in route.asked.__struct_encode_fields__ if name not in mappings]
    names += [f"{name}.{keys[0]}" for name, keys in mappings.items()] + [f"{name}.'" for name in mappings]
    for value in HOSTILE:
        for name in names:
            _is_sane(api.ask(_filled(route.path, "0" * 32), key, **{name: value}).body, api, value)
        if "{" in route.path and value.strip():
            _is_sane(api.ask(_filled(route.path, value), key).body, api, value)
    assert store.query("SELECT count(), sum(cityHash64(*)) FROM ledger_events FINAL") == before


@pytest.mark.parametrize(
    ("path", "query", "sentence"),
    [
        ("/v1/report", "by=colour", "'colour' is no dimension"),
        ("/v1/report", "measures=joy", "'joy' is no measure"),
        ("/v1/report", "since=2026-04-02T00:00:00Z&until=2026-04-01T00:00:00Z", "is not before until"),
        ("/v1/events", "since=2026-04-01T00:00:00Z&until=2026-04-01T02:00:00%2B02:00", "is not before until"),
        ("/v1/report", "since=2026-04-01", "states no offset"),
        ("/v1/events", "until=2026-04-01T12:00:00", "states no offset"),
        ("/v1/events", "since=yesterday", "since 'yesterday' is neither a date"),
        ("/v1/report", "since=2026-04-01T00:00:00%2B02:00&tz=Mars/Olympus", "no IANA time zone"),
        ("/v1/report", "order=cost%3Bdrop", "order 'cost;drop'"),
        ("/v1/report", "cursor=AAAA", "the cursor is not one that was given here"),
        ("/v1/events", "limit=1001", "<= 1000"),
        ("/v1/events", "where.colour=red", "where.colour is no parameter"),
        ("/v1/top", "measure=joy", "'joy' is no measure"),
        ("/v1/series", "by=tenant,model", "by 'tenant,model' is not one word"),
        ("/v1/series", "bucket=year", "Invalid enum value 'year'"),
        ("/v1/series", "top=51", "<= 50"),
        (
            "/v1/series",
            "bucket=hour&since=2025-01-01T00:00:00Z&until=2026-01-01T00:00:00Z",
            "more than 1500 buckets of one hour",
        ),
        ("/v1/series", "since=2026-04-01", "states no offset"),
        ("/v1/movers", "by=model", "give since and until"),
        ("/v1/movers", "measure=success_rate", "'success_rate' cannot be compared"),
        ("/v1/anomalies", "day=someday", "'someday'"),
        ("/v1/anomalies", "factor=nan", "factor"),
        ("/v1/anomalies", "by=day", "'day'"),
        ("/v1/forecast", "by=month", "month"),
        ("/v1/prices", "at=2026-04-01", "states no offset"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(api: Api, path: str, query: str, sentence: str) -> None:
    """It names what was asked, and what can be."""
    answer = api.ask(f"{path}?{query}", api.key())
    assert answer.status == 400, answer.body
    assert sentence in answer.json["message"]
    assert answer.json["error"] == "ConfigurationError"


def _filled(path: str, value: str) -> str:
    head, brace, rest = path.partition("{")
    return head + quote(value, safe="") + rest.partition("}")[2] if brace else path


def _is_sane(body: bytes, api: Api, value: str) -> None:
    told = msgspec.json.decode(body, type=dict[str, object])
    assert "globex" not in body.decode() or "globex" in value, (value, body)
    if "error" in told:
        assert told["error"] in {"ConfigurationError", "NotFound"}, (value, body, api.access.statements[-1:])
        assert str(told["message"]).isprintable(), (value, body)
        assert len(str(told["message"])) < 2_000, (value, body)
