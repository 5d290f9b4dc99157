"""A server of reservations on loopback that keeps one budget, by the contract of `POST /v1/reservations`."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import msgspec

PRICE = Decimal("0.00001")
"""Of a token, in or out."""


class Reservations:
    """One budget of 5.00 USD a day, unless the test says otherwise; everything that was asked is kept."""

    def __init__(self) -> None:
        self.limit: Decimal | None = Decimal("5.00")
        """None: no hard budget covers any call."""
        self.valid_s = 30.0
        self.sized = False
        """Whether a policy decides by size."""
        self.held: dict[str, Decimal] = {}
        self.settled: dict[str, Decimal] = {}
        self.released: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.answer: tuple[int, dict[str, object]] | None = None
        """Answer this to whoever asks for room."""
        self.gate = threading.Event()
        self.gate.set()
        self.lock = threading.Lock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def left(self) -> Decimal:
        """What nobody holds or has spent."""
        return (self.limit or Decimal(0)) - sum(self.held.values()) - sum(self.settled.values())

    def reserve(self, asked: dict[str, Any]) -> tuple[int, dict[str, object]]:
        """Give room, or say why not."""
        self.asked.append(asked)
        if self.answer is not None:
            return self.answer
        if self.limit is None:
            return 200, {"reservation_id": "", "valid_s": self.valid_s, "sized": self.sized, "budgets": []}
        tokens = asked.get("input_tokens", 0) + asked.get("max_output_tokens", 1000 * asked["calls"])
        amount = tokens * PRICE
        if amount > self.left:
            return 402, {
                "error": "BudgetExceededError",
                "message": "the budget 'team-day' has no room",
                "budget": "team-day",
                "limit": str(self.limit),
                "spent": str(self.limit - self.left),
                "currency": "USD",
                "resets_at": "2026-11-23T00:00:00+00:00",
            }
        name = f"r-{len(self.asked)}"
        self.held[name] = amount
        prices = {"input_price": str(PRICE), "output_price": str(PRICE)}
        return 200, {
            "reservation_id": name,
            "amount": str(amount),
            "calls": asked["calls"],
            "expires_at": "2026-11-22T12:00:00+00:00",
            "currency": "USD",
            **prices,
            "sized": self.sized,
            "budgets": [],
        }

    def close_one(self, name: str, how: str, asked: dict[str, Any]) -> tuple[int, dict[str, object]]:
        """Settle or release."""
        self.held.pop(name)
        if how == "settle":
            self.settled[name] = Decimal(asked["amount"])
        else:
            self.released.append(name)
        return 200, {}

    def serve(self) -> None:
        """Answer until it is closed."""
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        """Stop answering."""
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def reservations() -> Generator[Reservations]:
    """A server that answers while the block runs."""
    server = Reservations()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, reservations: Reservations) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reservations = reservations

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one question."""
        server = cast("_Server", self.server).reservations
        asked = msgspec.json.decode(self.rfile.read(int(self.headers["content-length"])))
        server.gate.wait(30)
        with server.lock:
            server.keys.append(self.headers.get("authorization", ""))
            name, _, how = self.path.removeprefix("/v1/reservations").lstrip("/").partition("/")
            status, answer = server.close_one(name, how, asked) if name else server.reserve(asked)
        body = msgspec.json.encode(answer)
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 (the base's signature)
        """Tests are quiet."""
