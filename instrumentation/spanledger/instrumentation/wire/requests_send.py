"""requests: `Session.send`, above the adapters, so that mounted and mock adapters count too."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The library is hooked without being a dependency: its types cannot be imported.

import functools
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from spanledger.instrumentation.wire.admission import admit
from spanledger.instrumentation.wire.attempt import Attempt
from spanledger.instrumentation.wire.batches import download
from spanledger.instrumentation.wire.guard import failed
from spanledger.instrumentation.wire.hooks import SWITCH, Hooks, Method
from spanledger.instrumentation.wire.meter import Owner
from spanledger.instrumentation.wire.urllib3_pool import as_bytes, look_at, plain


def hook(library: ModuleType, hooks: Hooks) -> None:
    """Hook requests' sessions."""
    hooks.replace(library.Session, "send", _send)


def _send(original: Method) -> Method:
    @functools.wraps(original)
    def send(session: Any, request: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        attempt = _begun(request)
        if attempt is None:
            return original(session, request, **kwargs)
        admit(attempt)
        owner = Owner()
        try:
            response = original(session, request, **kwargs)
        except BaseException as error:
            attempt.end(error=error)
            raise
        finally:
            owner.sending = False
        _answered(response, attempt)
        return response

    return send


def _begun(request: Any) -> Attempt | None:  # noqa: ANN401
    """The attempt that sending this makes, if it calls a model. Never raises."""
    meter = SWITCH.meter
    if meter is None:
        return None
    try:
        url = urlsplit(request.url)
        if request.method != "POST":
            return download(meter, request.method or "", (url.scheme, url.hostname or "", url.port, url.path))
        endpoint = meter.recognise(url.scheme, url.hostname or "", url.port, url.path)
        if endpoint is None:
            return None
        return meter.begin(endpoint, plain(request.headers).get(endpoint.resends), as_bytes(request.body))
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("recognise a request")
        return None


def _answered(response: Any, attempt: Attempt) -> None:  # noqa: ANN401
    """Read what was read, or look at the raw response beneath. Never raises."""
    try:
        if isinstance(response._content, bytes):  # noqa: SLF001 (`content` would read what nobody has read yet)
            attempt.answered(response.status_code, plain(response.headers), response._content)  # noqa: SLF001
        else:
            look_at(response.raw, attempt)
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("read an answer")
        attempt.end()
