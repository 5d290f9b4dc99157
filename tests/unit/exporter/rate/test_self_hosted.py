"""Prices of what no list knows: models of one's own, by the token, the request and the second, and explicit work."""

from support.own_prices import NOW, book, cost, rated


def test_a_self_hosted_model_costs_by_the_token_the_request_or_the_second() -> None:
    """1.5 seconds at 0.0002 and a request at 0.001; on two GPUs 3 GPU-seconds at 0.0011; tokens cost nothing more."""
    prices = book(
        """
prices:
  - {provider: self, model: by-token, per: 1000000, units: {input_tokens: "0.1", output_tokens: "0.2"}}
  - {provider: self, model: by-call, units: {seconds: "0.0002", requests: "0.001"}}
  - {provider: self, model: by-gpu, currency: EUR, gpus: 2, units: {gpu_seconds: "0.0011"}}
"""
    )
    assert cost(rated(prices, "self", "by-token", duration_ms=1500)) == "0.3 USD"
    by_call = rated(prices, "self", "by-call", duration_ms=1500)
    assert cost(by_call) == "0.0013 USD"
    assert [(line.unit, line.quantity) for line in by_call.lines] == [("requests", 1), ("milliseconds", 1500)]
    by_gpu = rated(prices, "self", "by-gpu", duration_ms=1500)
    assert (cost(by_gpu), by_gpu.units, by_gpu.quantities) == ("0.0033 EUR", ("gpu_milliseconds",), (3000,))


def test_what_is_paid_by_the_second_has_a_cost_without_any_count() -> None:
    """A call whose usage was lost still took its time; a call that used nothing is no call."""
    prices = book("prices: [{provider: self, model: m, units: {seconds: 1}}, {model: t, units: {pages: 1}}]")
    assert cost(rated(prices, "self", "m", {}, duration_ms=2500)) == "2.5 USD"
    assert rated(prices, "self", "t", {}, duration_ms=2500).state == "unknown"
    assert prices.rate(None, provider="self", model="m", at_ns=NOW, duration_ms=2500).state == "unknown"


def test_a_price_by_the_second_needs_the_duration() -> None:
    """Unknown is not zero."""
    prices = book("prices: [{provider: self, model: m, units: {seconds: 1}}]")
    assert cost(rated(prices, "self", "m")) == "incomplete_usage"


def test_stated_seconds_come_before_the_calls_own() -> None:
    """Work that states its seconds is charged for those."""
    prices = book("prices: [{provider: gpu, units: {gpu_seconds: '0.5'}}]")
    assert cost(rated(prices, "gpu", "", {"gpu_seconds": 7}, duration_ms=1)) == "3.5 USD"


def test_explicit_work_is_priced_by_service_and_unit() -> None:
    """Pages of a service, and a unit of one's own, declared at the top of the file."""
    prices = book("units: [widgets]\nprices: [{provider: Acme OCR, units: {pages: '0.01', widgets: 3}}]")
    assert cost(rated(prices, "acme ocr", "", {"pages": 5})) == "0.05 USD"
    assert cost(rated(prices, "acme ocr", "", {"widgets": 2})) == "6 USD"
    assert cost(rated(prices, "acme ocr", "", {"images": 2})) == "no_price_for_unit"
    assert cost(rated(prices, "another", "", {"pages": 5})) == "unknown_provider"
