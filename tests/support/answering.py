"""A server on loopback that answers every POST as the test says, and keeps what it was sent."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import msgspec


class Answering:
    """What is answered, and what was asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, object] = (200, {})
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.server = _Server(self)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def answering() -> Generator[Answering]:
    """A server that answers while the block runs."""
    answers = Answering()
    thread = threading.Thread(target=answers.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        answers.server.shutdown()
        answers.server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answers: Answering) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one question."""
        answers = cast("_Server", self.server).answers
        answers.paths.append(self.path)
        answers.headers.append({name.lower(): value for name, value in self.headers.items()})
        answers.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        status, said = answers.answer
        body = msgspec.json.encode(said)
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 (the base's signature)
        """Tests are quiet."""
