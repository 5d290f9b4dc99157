"""The releases of `websockets` that this environment does not have, and what a failure on a socket costs."""

import json
import sys
from collections.abc import Generator
from types import ModuleType, SimpleNamespace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from support.sdk import Ended
from websockets.uri import parse_uri

from spanledger.instrumentation.wire import websocket
from spanledger.instrumentation.wire.guard import FAILURES
from spanledger.instrumentation.wire.hooks import SWITCH, Hooks
from spanledger.instrumentation.wire.meter import Meter
from spanledger.instrumentation.wire.settings import endpoints_from
from spanledger.schemas import attributes as a

DONE = json.dumps({"type": "response.done", "response": {"id": "resp_1", "usage": {"input_tokens": 5}}})


class _Connection:
    """A connection as a release has it: what it knows of where it leads is in its protocol."""

    def __init__(self, **protocol: object) -> None:
        self.protocol = SimpleNamespace(**protocol)

    def recv(self) -> str:
        return DONE


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Generator[Ended]:
    """What is metered of the connections above, which stand in a library of their own."""
    library = ModuleType("another_release")
    for kind in ("asyncio", "sync"):
        client = ModuleType(f"{library.__name__}.{kind}.client")
        client.ClientConnection = _Connection if kind == "sync" else type("Other", (_Connection,), {})  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, client.__name__, client)
    ended = Ended()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(ended)
    monkeypatch.setattr(SWITCH, "meter", Meter(endpoints_from({}), provider))
    FAILURES.clear()
    hooks = Hooks()
    websocket.hook(library, hooks)
    yield ended
    hooks.give_back()
    FAILURES.clear()


@pytest.mark.parametrize("called", ["uri", "wsuri"])
def test_a_socket_is_known_in_every_release(ended: Ended, called: str) -> None:
    """Releases before 15 call the address otherwise."""
    connection = _Connection(**{called: parse_uri("wss://api.openai.com/v1/realtime?model=m")})
    assert connection.recv() == DONE
    assert [(span.attributes or {})[a.RESPONSE_ID] for span in ended.spans] == ["resp_1"]
    assert not FAILURES


def test_a_socket_that_cannot_be_known_fails_once(ended: Ended) -> None:
    """Not for every message that it brings."""
    connection = _Connection()
    assert [connection.recv() for _ in range(3)] == [DONE] * 3
    assert (dict(FAILURES), ended.spans) == ({"read a message": 1}, [])
