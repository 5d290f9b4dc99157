"""`TokenLedger(app)`, or `TokenLedger()` and `init_app(app)`: the WSGI middleware as a Flask extension."""

from collections.abc import Sequence
from typing import Protocol

from spanledger.instrumentation.middleware.wsgi import Application, AttributionMiddleware

_NAME = "spanledger"


class _Flask(Protocol):
    """What of a Flask application is used."""

    wsgi_app: Application
    extensions: dict[str, object]


class TokenLedger:
    """Attributes each request of a Flask application. `trusted` is in the place of the setting."""

    def __init__(self, app: _Flask | None = None, trusted: Sequence[str] | None = None) -> None:
        self._trusted = trusted
        if app is not None:
            self.init_app(app)

    def init_app(self, app: _Flask) -> None:
        """Put the middleware around an application; once is enough."""
        if _NAME not in app.extensions:
            app.extensions[_NAME] = self
            app.wsgi_app = AttributionMiddleware(app.wsgi_app, self._trusted)
