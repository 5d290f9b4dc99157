"""PostHog, through a client that the application brings, or by its batch API with the standard library alone."""

import ssl
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from spanledger.ledger.sinks.port import Event, SinkAwayError
from spanledger.ledger.sinks.posthog_events import Told, told_of
from spanledger.schemas import ConfigurationError

TIMEOUT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024
_REFUSED: Final = (400, 413)
"""Answers to a batch of which a part may still be taken."""


class Client(Protocol):
    """What is used of `posthog.Posthog`."""

    def capture(self, event: str, **more: Any) -> object:  # noqa: ANN401 (each client has its own)
        """Take an event."""
        ...


class PostHog:
    """PostHog as a sink: what is posted from when it is first switched on."""

    from_beginning = False

    def __init__(self, client: "Client | HttpClient", *, name: str = "posthog") -> None:
        """Tell a client, such as `posthog.Posthog(key, host=…)`. Delivery is then as good as the client's own."""
        self._client = client
        self.name = name

    @classmethod
    def over_http(cls, url: str, key: str) -> "PostHog":
        """Tell the project of a key at an address such as `https://eu.i.posthog.com`."""
        return cls(HttpClient(url, key), name=f"posthog:{urlsplit(url).netloc}")

    def take(self, events: Sequence[Event]) -> None:
        """Tell of events, and wait until the client has told them on. Raises what the client raises."""
        told = [each for event in events for each in told_of(event)]
        if isinstance(self._client, HttpClient):
            self._client.send(told)
            return
        for each in told:
            self._client.capture(
                each.event,
                distinct_id=each.distinct_id,
                properties=dict(each.properties),
                timestamp=each.timestamp,
                uuid=each.uuid,
            )
        if callable(flush := getattr(self._client, "flush", None)):
            flush()


class HttpClient:
    """PostHog's batch API. An event that it refuses alone is counted in `refused`, and not sent again."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = f"the address of PostHog {url!r} must be such as https://eu.i.posthog.com"
            raise ConfigurationError(msg)
        if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            msg = f"the address of PostHog {url!r} must begin with https://, or be of this machine"
            raise ConfigurationError(msg)
        self._parts = parts
        self._key = key
        self.refused = 0

    def send(self, told: Sequence[Told]) -> None:
        """Send events. Raises `SinkAwayError`, also when each of several is refused: then the events are not why."""
        refused = self._refused(told)
        if refused and refused == len(told) > 1:
            msg = f"PostHog at {self._parts.netloc} refuses every event"
            raise SinkAwayError(msg)
        self.refused += refused

    def _refused(self, told: Sequence[Told]) -> int:
        """How many events are refused of those sent in one request, in halves where it is refused as a whole."""
        if not told:
            return 0
        batch = [{**each._asdict(), "properties": dict(each.properties)} for each in told]
        status = self._post(msgspec.json.encode({"api_key": self._key, "batch": batch}))
        if 200 <= status < 300:
            return 0
        if status not in _REFUSED:
            msg = f"PostHog at {self._parts.netloc} answered {status}"
            raise SinkAwayError(msg)
        if len(told) == 1:
            return 1
        middle = len(told) // 2
        return self._refused(told[:middle]) + self._refused(told[middle:])

    def _post(self, body: bytes) -> int:
        headers = {"content-type": "application/json", "user-agent": "spanledger"}
        path = f"{self._parts.path.rstrip('/')}/batch/"
        try:
            with closing(self._connection()) as connection:
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
                response.read(ANSWER_BYTES_MAX)
                return response.status
        except (OSError, HTTPException) as error:
            msg = f"PostHog at {self._parts.netloc} cannot be reached: {type(error).__name__}"
            raise SinkAwayError(msg) from error

    def _connection(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            return HTTPConnection(host, port, timeout=TIMEOUT_S)
        return HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
