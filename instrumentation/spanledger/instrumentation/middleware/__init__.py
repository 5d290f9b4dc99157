"""Requests are attributed to whom a trusted peer says they are for: by headers, and by W3C baggage.

inbound.py   what a request says, and whether it is believed
asgi.py      Starlette, FastAPI, Quart, any ASGI application
wsgi.py      any WSGI application
flask.py     the same as a Flask extension
django.py    the same as a Django middleware, sync and async

The names below are loaded when they are asked for: one of them needs its framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from spanledger.instrumentation.middleware.asgi import AttributionMiddleware as AsgiMiddleware
    from spanledger.instrumentation.middleware.asgi import AttributionMiddleware as FastAPIMiddleware
    from spanledger.instrumentation.middleware.django import AttributionMiddleware as DjangoMiddleware
    from spanledger.instrumentation.middleware.flask import TokenLedger
    from spanledger.instrumentation.middleware.wsgi import AttributionMiddleware as WsgiMiddleware

__all__ = ["AsgiMiddleware", "DjangoMiddleware", "FastAPIMiddleware", "TokenLedger", "WsgiMiddleware"]

_HOMES: Final = {
    "AsgiMiddleware": ("asgi", "AttributionMiddleware"),
    "DjangoMiddleware": ("django", "AttributionMiddleware"),
    "FastAPIMiddleware": ("asgi", "AttributionMiddleware"),
    "TokenLedger": ("flask", "TokenLedger"),
    "WsgiMiddleware": ("wsgi", "AttributionMiddleware"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    home, found = _HOMES[name]
    return getattr(import_module(f"{__name__}.{home}"), found)
