"""W3C baggage at the border: `ledger.*` comes in from trusted peers only, and goes out to hosts of ours only.

The baggage propagator itself is guarded, whoever made it and whatever it is composed with. What other baggage says is
none of our business and passes as it is.
"""

# ruff: noqa: ANN401
# Other people's calls pass through as they are, whatever their arguments.

from collections.abc import Callable, Mapping, MutableMapping
from functools import wraps
from typing import Any, Final, cast

from opentelemetry.baggage import get_all
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_current
from opentelemetry.trace import get_current_span

from spanledger.instrumentation.attributing.applied import attributed, replaced
from spanledger.instrumentation.attributing.celery import stated_by
from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.attributing.fields import attributes_of
from spanledger.instrumentation.attributing.naming import BAGGAGE, is_ledgers, names_of
from spanledger.instrumentation.attributing.trust import is_ours, is_trusted
from spanledger.schemas import attributes as a
from spanledger.schemas.ambient import ambient

_GUARDED: Final = "_spanledger_guarded"
_NOTHING: Final[Mapping[str, str]] = {}


def guard() -> None:
    """Guard the baggage propagator. Safe to call again."""
    if not hasattr(W3CBaggagePropagator, _GUARDED):
        W3CBaggagePropagator.extract = _guarded_extract(W3CBaggagePropagator.extract)
        W3CBaggagePropagator.inject = _guarded_inject(W3CBaggagePropagator.inject)
        setattr(W3CBaggagePropagator, _GUARDED, True)


def received(context: Context, carrier: object) -> Context:
    """An extracted context as it may be believed: what a trusted peer says holds, what others say is gone."""
    if (task := stated_by(carrier)) is not None:
        return replaced(context, task)
    said = _ledger_baggage(context)
    if not said and not ambient(context):
        return context
    peer = peer_of(carrier)
    if said and peer is not None and is_trusted(peer):
        return attributed(context, attributes_of(names_of(said)))
    # What the process itself said before stands; the stranger's words over it do not.
    return replaced(context, ambient(context)) if said != dict(ambient(context)) else context


def sent(context: Context, host: str | None = None) -> Context:
    """A context as it may be told to a host; by default the host that the current client span calls."""
    told = ambient(context) if is_ours(destination(context) if host is None else host) else _NOTHING
    return replaced(context, told) if _ledger_baggage(context) != dict(told) else context


def peer_of(carrier: object) -> str | None:
    """The address of the peer that a carrier came from (an ASGI scope, a WSGI environ); None where it does not say."""
    if not isinstance(carrier, Mapping):
        return None
    fields = cast("Mapping[str, object]", carrier)
    if "REMOTE_ADDR" in fields:
        return str(fields["REMOTE_ADDR"])
    if "client" in fields and "type" in fields:
        client = fields["client"]
        return str(cast("tuple[object, ...]", client)[0]) if isinstance(client, tuple | list) and client else ""
    return None


def destination(context: Context) -> str:
    """The host that the client span of a context calls; empty where it does not say."""
    stated = getattr(get_current_span(context), "attributes", None)
    if not stated:
        return ""
    said = cast("Mapping[str, object]", stated)
    url = str(said.get(a.URL_FULL) or said.get(a.HTTP_URL) or "")
    if "://" in url:
        return url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
    host = str(said.get(a.SERVER_ADDRESS) or said.get(a.NET_PEER_NAME) or "")
    port = said.get(a.SERVER_PORT) or said.get(a.NET_PEER_PORT)
    return f"{host}:{port}" if host and port and ":" not in host else host


def take_back(carrier: object) -> None:
    """Leave nothing of ours in headers that go to another host now: those of a request that was redirected."""
    if not isinstance(carrier, MutableMapping):
        return
    headers = cast("MutableMapping[str, object]", carrier)
    # Not every mapping that headers go into has nothing but text for names.
    for header in [name for name in headers if str(name).lower() == BAGGAGE]:
        members = str(headers[header]).split(",")
        others = [member for member in members if not is_ledgers(member)]
        if others and others != members:
            headers[header] = ",".join(others)
        elif not others:
            del headers[header]


def _ledger_baggage(context: Context) -> dict[str, str]:
    return {name: str(value) for name, value in get_all(context).items() if str(name).startswith(a.LEDGER_PREFIX)}


def _guarded_extract(extract: Callable[..., Context]) -> Callable[..., Context]:
    @wraps(extract)
    def guarded(propagator: W3CBaggagePropagator, carrier: Any, *args: Any, **kwargs: Any) -> Context:
        context = extract(propagator, carrier, *args, **kwargs)
        try:
            return received(context, carrier)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("inbound baggage cannot be judged", error)
            return context

    return guarded


def _guarded_inject(inject: Callable[..., None]) -> Callable[..., None]:
    @wraps(inject)
    def guarded(
        propagator: W3CBaggagePropagator, carrier: Any, context: Context | None = None, *args: Any, **kwargs: Any
    ) -> None:
        told = get_current() if context is None else context
        try:
            told = sent(told)
            take_back(carrier)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("outbound baggage cannot be judged, none of ours is sent", error)
            told = replaced(told, _NOTHING)
        inject(propagator, carrier, told, *args, **kwargs)

    return guarded
