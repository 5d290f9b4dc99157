"""What is served as the page: how heavy, how long kept, under which policy; and its colours."""

import asyncio
import gzip
import itertools
import math
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

from spanledger.ledger.page import Page
from spanledger.ledger.page.files import CHART, POLICY

WEIGHT_MAX: Final = 150_000
"""Bytes of everything but the chart library, as it is on the disk."""


@dataclass(frozen=True)
class Sent:
    """An answer of the page's."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(page: Page, path: str, method: str = "GET", **headers: str) -> Sent:
    """One request, as the server passes it on."""
    messages: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(page({"type": "http", "method": method, "path": path, "headers": told}, receive, send))
    start, body = messages
    return Sent(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"])


def own(page: Page) -> list[str]:
    """The paths of the page's own files."""
    return [path for path in page.paths if path != CHART]


def test_the_page_weighs_little() -> None:
    """Everything that is ours, uncompressed."""
    page = Page()
    weights = {path: len(ask(page, path).body) for path in own(page)}
    assert sum(weights.values()) <= WEIGHT_MAX, weights
    assert len(weights) > 20


def test_every_answer_carries_the_policy() -> None:
    """Whatever is asked for, and however."""
    page = Page()
    answers = [ask(page, path) for path in own(page)] + [ask(page, "/", "POST"), ask(page, "/", "HEAD")]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "unsafe" not in POLICY
    assert [answer.status for answer in answers[-2:]] == [405, 200]
    assert answers[-1].body == b""


def test_files_are_kept_for_good_and_the_page_is_not() -> None:
    """What a file is called names what is in it; the page that names them is asked for each time."""
    page = Page()
    index = ask(page, "/")
    assert index.headers["cache-control"] == "no-cache"
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    linked = set(re.findall(r'(?:href|src)="(page/[^"]+)"', index.body.decode()))
    assert {f"/{name}" for name in linked} == {path for path in own(page) if path != "/"}
    for path in linked:
        assert ask(page, f"/{path}").headers["cache-control"] == "public, max-age=31536000, immutable"


def test_the_chart_library_comes_from_its_own_package() -> None:
    """Byte by byte, packed where that is taken, by its version."""
    page = Page()
    installed = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    assert ask(page, CHART).body == installed
    packed = ask(page, CHART, accept_encoding="br, gzip;q=0.8")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == installed
    assert ask(page, CHART, accept_encoding="gzip;q=0").body == installed
    assert f"page/plotly.min.js?v={version('plotly')}" in ask(page, "/").body.decode()
    # Its style element is ours to bring, or the policy complains of it: the id is its own.
    assert re.search(rb'id="([0-9a-f]{64})"', ask(page, "/").body)[1] in installed  # type: ignore[index]


def test_an_address_is_told_as_text() -> None:
    """Where telemetry goes, to whoever has sent none."""
    page = Page()
    page.otlp = 'http://127.0.0.1:4318/"><script>'
    assert b'content="http://127.0.0.1:4318/&quot;&gt;&lt;script&gt;"' in ask(page, "/").body
    assert b"{" not in ask(page, "/").body


def test_no_file_of_ours_reaches_elsewhere_or_writes_markup() -> None:
    """No other host, no inline handler or style, no markup out of text."""
    page = Page()
    for path in own(page):
        text = ask(page, path).body.decode()
        hosts = set(re.findall(r"https?://([\w.-]+)", text)) - {"www.w3.org", "127.0.0.1"}
        assert hosts == set(), path
        forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
        assert re.findall(forbidden, text) == [], path
        if path == "/":
            assert re.findall(r"\s(?:on\w+|style)=", text) == []


LINEAR: Final = {
    "everybody": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
"""How eyes see linear light (Machado, Oliveira and Fernandes 2009, severity 1)."""


def test_colours_of_groups_are_told_apart_by_every_eye() -> None:
    """In light and dark: 3 to 1 against the ground, and no two near each other, least of all neighbours in a stack."""
    sheet = files("spanledger.ledger.page").joinpath("static", "page.css").read_text()
    pairs = [re.search(rf"--c{place}: light-dark\((#\w+), (#\w+)\)", sheet) for place in range(6)]
    for scheme, ground in ((1, "#ffffff"), (2, "#17191c")):
        colours = [_linear(pair[scheme]) for pair in pairs if pair]
        assert len(colours) == 6
        assert min(_contrast(each, _linear(ground)) for each in colours) >= 3
        for eye, matrix in LINEAR.items():
            seen = [
                _lab(tuple(sum(a * b for a, b in zip(row, each, strict=True)) for row in matrix)) for each in colours
            ]
            near = min(math.dist(one, other) for one, other in itertools.combinations(seen, 2))
            assert near >= 0.09, (scheme, eye)
            assert min(math.dist(*each) for each in itertools.pairwise(seen)) >= 0.1, (scheme, eye)


def _linear(text: str) -> tuple[float, ...]:
    parts = [int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def _contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    lights = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _lab(light: tuple[float, ...]) -> tuple[float, float, float]:
    """Oklab, in which equal distances look alike."""
    red, green, blue = (max(0.0, min(1.0, part)) for part in light)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.793617785 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.428592205 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.808675766 * short,
    )
