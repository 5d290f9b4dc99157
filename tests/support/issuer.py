"""An identity provider on loopback: it answers its discovery document and its keys, and signs tokens."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "spanledger"


class Issuer:
    """Signs with an RSA key `r1`, which as `p1` is for PS256 only, and a P-256 key `e1`; its answers can be changed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        public = RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True)
        self.keys: list[dict[str, Any]] = [
            public | {"kid": "r1", "use": "sig"},
            public | {"kid": "p1", "alg": "PS256"},
            ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True) | {"kid": "e1", "alg": "ES256"},
        ]
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        """Path → status, headers and body, before what it answers by itself."""
        self.asked: list[str] = []

    def claims(self, **changes: object) -> dict[str, object]:
        """The claims of a good token; None takes one out."""
        now_s = int(time.time())
        claims: dict[str, object] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "app-1",
            "exp": now_s + 600,
            "iat": now_s,
            "tenant": "acme",
            "roles": ["ingest"],
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, kid: str = "r1", algorithm: str = "RS256", **changes: object) -> str:
        """A token signed with one of its keys."""
        key = self.ec if algorithm.startswith("ES") else self.rsa
        return jwt.encode(self.claims(**changes), key, algorithm, headers={"kid": kid})

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """What is answered for a path."""
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        documents: dict[str, object] = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": self.keys},
        }
        found = path in documents
        return (200 if found else 404), {}, json.dumps(documents.get(path, {})).encode()


@contextmanager
def issuing() -> Generator[Issuer]:
    """An issuer that listens."""
    issuer: Issuer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer."""
            status, headers, body = issuer.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
