"""Records what the programs under `examples/` send, byte for byte: `python tests/integration/languages/record.py`.

It takes Go, Node and the network, and is run when a program or its SDK changes; the tests read what it wrote. Which
SDK sent it stands in each recording.
"""

import sys
import tempfile
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import grpc

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.languages import PROTOCOLS, TOLD, prepared, recording_of

_SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"


def main() -> None:
    """Run every program once by every protocol; write one file each."""
    bodies: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder, _http_recorder(bodies) as http, _grpc_recorder(bodies) as rpc:
        programs = {language: prepared(language, Path(folder)) for language in PROTOCOLS}
        for language, protocol in TOLD:
            bodies.clear()
            programs[language].run(protocol, rpc if protocol == "grpc" else http, "acme")
            (body,) = bodies
            recording_of(language, protocol).write_bytes(body)


@contextmanager
def _http_recorder(bodies: list[bytes]) -> Generator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Take one request."""
            length = self.headers["content-length"]
            bodies.append(self.rfile.read(int(length)) if length else b"".join(iter(self._chunk, b"")))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.send_header("content-type", self.headers["content-type"])
            self.end_headers()

        def _chunk(self) -> bytes:
            data = self.rfile.read(int(self.rfile.readline(), 16))
            self.rfile.readline()
            return data

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's signature)
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _grpc_recorder(bodies: list[bytes]) -> Generator[str]:
    def export(body: bytes, _context: grpc.ServicerContext) -> bytes:
        bodies.append(body)
        return b""

    server = grpc.server(ThreadPoolExecutor(1))
    # Without a decoder a handler is given the bytes as they came.
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]]
    handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


if __name__ == "__main__":
    main()
