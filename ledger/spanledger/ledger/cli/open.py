"""`spanledger open`: the page of a running `serve` in a browser, or of one that is started here until it is stopped."""

import argparse
import os
import sys
from threading import Thread
from typing import TYPE_CHECKING

from spanledger.ledger.cli import serve
from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import settings_of

if TYPE_CHECKING:
    from spanledger.ledger.endpoint_file import Endpoint


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of `serve`, for when none is running; and whether to start a browser."""
    serve.add_options(parser)
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def run(options: argparse.Namespace) -> int:
    """Print the page's address and open it; serve, if nobody does, until a signal."""
    from spanledger.ledger.access.opening import running  # noqa: PLC0415

    endpoint = running(settings_of(options))
    if endpoint is None:
        return serve.run(options, lambda opened: _show(opened, options))
    _show(endpoint, options)
    return 0


def _show(endpoint: "Endpoint", options: argparse.Namespace) -> None:
    say(endpoint.page_url)
    sys.stdout.flush()
    if not endpoint.page:
        tell("the server asks who is there: the page takes a key, spanledger keys create --tenant '*' --role read")
    if not options.no_browser and _has_screen():
        # A browser may take its time, or never end; whoever closes the server does not wait for it.
        Thread(target=_browse, args=(endpoint.page_url,), daemon=endpoint.pid == os.getpid()).start()


def _browse(url: str) -> None:
    import webbrowser  # noqa: PLC0415 (looks for every browser of the machine)

    if not webbrowser.open(url):
        tell("no browser could be started: open the address above in one")


def _has_screen() -> bool:
    """Whether a browser would show the page: those of a terminal cannot, and would take it over."""
    on_screen = sys.platform in {"darwin", "win32"}
    return on_screen or any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))
