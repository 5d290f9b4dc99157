"""A redirect of `requests` sends the same headers to another host, and no instrumentation hears of it.

Where that host is none of ours, what the first one was told is taken back, beside the credentials that `requests`
itself takes back there.
"""

# ruff: noqa: ANN401
# Requests and answers are the library's.

# pyright: reportMissingModuleSource=false, reportMissingTypeStubs=false

from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.attributing.guard import take_back
from spanledger.instrumentation.attributing.trust import is_ours

if TYPE_CHECKING:
    from collections.abc import Callable


def connect() -> None:
    """Look at every redirect of `requests`, which is imported."""
    from requests.sessions import SessionRedirectMixin  # noqa: PLC0415 (an application without it never gets here)

    rebuild: Callable[[Any, Any, Any], None] = getattr(SessionRedirectMixin, "rebuild_auth")  # noqa: B009 (its type)

    @wraps(rebuild)
    def rebuilding(session: Any, prepared_request: Any, response: Any) -> None:
        try:
            if not is_ours(urlsplit(str(prepared_request.url)).netloc.rpartition("@")[2]):
                take_back(prepared_request.headers)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("a redirect cannot be judged", error)
        rebuild(session, prepared_request, response)

    setattr(SessionRedirectMixin, "rebuild_auth", rebuilding)  # noqa: B010 (its type names `self`)
