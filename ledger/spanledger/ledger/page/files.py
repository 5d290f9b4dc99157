"""The page's files over HTTP: for anybody who reaches the door, because nothing of the ledger is in them.

Every file is served from the installed package, the chart library from its own. A strict policy lets the browser run
and reach nothing else. Files lie below the digest of them all, so that a browser keeps them for good.
"""

import asyncio
import gzip
import html
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, TypeAlias

_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
CHART: Final = "/page/plotly.min.js"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_EACH_TIME: Final = "no-cache"
# What is smaller fits one packet anyway.
_PACKED_BYTES_MIN: Final = 1_400


@dataclass(frozen=True, slots=True)
class _File:
    """One file as it is sent."""

    media_type: str
    kept: str
    """For how long a browser may keep it."""
    plain: bytes
    packed: bytes
    """By gzip; empty where that is not worth it."""


class Page:
    """The page as an ASGI app, and the paths it answers at."""

    def __init__(self) -> None:
        self._files = _own_files()
        digest = sha256(b"\0".join(name.encode() + b"\0" + body for name, body in self._files.items()))
        self._folder = f"/page/{digest.hexdigest()[:16]}/"
        self.otlp = ""
        """Where this server takes OTLP over HTTP, once it does: for whoever has not sent anything yet."""
        self._served: dict[str, _File] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is the page's."""
        return ("/", CHART, *(self._folder + name for name in self._files if name != "index.html"))

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer with a file."""
        del receive
        if scope["method"] not in {"GET", "HEAD"}:
            await _reply(send, 405, b"", (("allow", "GET, HEAD"),), seen=False)
            return
        file = await self._file(scope["path"])
        if file is None:
            text = b"the chart library is not installed here: pip install 'spanledger[server]'\n"
            await _reply(send, 404, text, (("content-type", "text/plain; charset=utf-8"),), seen=True)
            return
        packed = file.packed and _takes_gzip(scope)
        body = file.packed if packed else file.plain
        headers = [("content-type", file.media_type), ("cache-control", file.kept), ("vary", "accept-encoding")]
        headers += [("content-encoding", "gzip")] if packed else []
        await _reply(send, 200, body, tuple(headers), seen=scope["method"] == "GET")

    async def _file(self, path: str) -> _File | None:
        if path == "/":
            return _File(_TYPES[".html"], _EACH_TIME, self._index(), b"")
        if path not in self._served:
            # The chart library takes a second to pack, once.
            found = await asyncio.to_thread(self._made, path)
            if found is None:
                return None
            self._served[path] = found
        return self._served[path]

    def _made(self, path: str) -> _File | None:
        if path == CHART:
            library = _chart_library()
            body = library[1].read_bytes() if library else b""
        else:
            body = self._files[path.removeprefix(self._folder)]
        if not body:
            return None
        packed = gzip.compress(body, 6, mtime=0) if len(body) >= _PACKED_BYTES_MIN else b""
        return _File(_TYPES[Path(path).suffix], _FOR_GOOD, body, packed)

    def _index(self) -> bytes:
        library = _chart_library()
        ahead = [
            f'<link rel="modulepreload" href="{self._folder[1:]}{name}">' for name in self._files if _is_module(name)
        ]
        told = {
            "folder": self._folder[1:],
            "modules": "\n".join(ahead),
            "otlp": html.escape(self.otlp),
            "chart": f"{CHART[1:]}?v={html.escape(library[0])}" if library else "",
        }
        text = self._files["index.html"].decode()
        for name, value in told.items():
            text = text.replace(f"{{{name}}}", value)
        return text.encode()


def _is_module(name: str) -> bool:
    return name.endswith(".js")


def _own_files() -> dict[str, bytes]:
    """Name → content of every file of the page."""
    return dict(sorted(_below(files("spanledger.ledger.page") / "static", "")))


def _below(folder: Traversable, within: str) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _below(each, f"{within}{each.name}/")
        elif Path(each.name).suffix in _TYPES:
            yield f"{within}{each.name}", each.read_bytes()


@cache
def _chart_library() -> tuple[str, Path] | None:
    """The version and the file of the chart library, if it is installed. It is found, and not imported."""
    with suppress(PackageNotFoundError):
        installed = distribution("plotly")
        file = Path(str(installed.locate_file("plotly/package_data/plotly.min.js")))
        if file.is_file():
            return installed.version, file
    return None


def _takes_gzip(scope: _Scope) -> bool:
    stated = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding").decode("latin-1")
    return _GZIP.search(stated.replace(" ", "")) is not None


# Named, and not with a weight of nothing.
_GZIP: Final = re.compile(r"(?:^|,)gzip(?:$|,|;(?!q=0(?:\.0*)?(?:$|,)))", re.IGNORECASE)


async def _reply(send: _Send, status: int, body: bytes, headers: tuple[tuple[str, str], ...], *, seen: bool) -> None:
    told = (*headers, ("content-length", str(len(body))), *_HEADERS)
    with suppress(OSError):
        encoded = [(name.encode(), value.encode()) for name, value in told]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": body if seen else b""})
