"""An OTLP/HTTP receiver that answers as it is told, and remembers what it was sent."""

import threading
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.application import text

from spanledger.exporter.sift import sift
from spanledger.schemas import attributes as a


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Sent:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def models(self) -> list[str]:
        """The models called, in the request's order."""
        return [text(span, a.REQUEST_MODEL) for span in sift(self.body).spans]


class ScriptedReceiver:
    """Gives `replies` in order, then 200 to everything; `refuses` is a mark that gets a body refused with 400."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = deque(replies)
        self.refuses = b""
        self.sent: list[Sent] = []
        self.arrived = threading.Semaphore(0)
        self.endpoint = ""

    def reply_to(self, sent: Sent) -> Reply:
        """Remember a request and choose its answer."""
        self.sent.append(sent)
        if self.refuses and self.refuses in sent.body:
            return Reply(400)
        return self.replies.popleft() if self.replies else Reply()

    @property
    def models(self) -> list[str]:
        """The models of every request, in order."""
        return [model for sent in self.sent for model in sent.models]


@contextmanager
def scripted_receiver(*replies: Reply) -> Generator[ScriptedReceiver]:
    """A receiver on a free port of the loopback."""
    receiver = ScriptedReceiver(*replies)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = receiver.reply_to(Sent(self.path, dict(self.headers), body))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            receiver.arrived.release()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
            """Nothing: a test's output is its result."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
