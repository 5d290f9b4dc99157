"""Which environment a process works in, on all its usage: what the settings say, else its resource, else `dev`.

What a span states itself is nearer than all of them.
"""

from collections.abc import Iterator, Sequence

from opentelemetry.sdk.resources import Resource

from spanledger.exporter.inprocess.usage import KeptSpan
from spanledger.schemas import attributes as a
from spanledger.schemas.claim import ENVIRONMENT_DEFAULT


class Environment:
    """The environment of one process. `stated` is the setting, or empty."""

    def __init__(self, stated: str) -> None:
        self._stated = stated
        # A process has one resource, or a few; replaced as a whole, because any thread may ask.
        self._last: tuple[Resource, Resource] | None = None

    def of(self, spans: Sequence[KeptSpan]) -> Iterator[KeptSpan]:
        """Spans whose resources name the environment."""
        for span in spans:
            yield span.of_resource(self._named(span.resource))

    def _named(self, resource: Resource) -> Resource:
        last = self._last
        if last is None or last[0] is not resource:
            known = resource.attributes.get(a.ENVIRONMENT_NAME) or resource.attributes.get(a.ENVIRONMENT_OLD)
            added = self._stated or ("" if known else ENVIRONMENT_DEFAULT)
            named = resource.merge(Resource({a.ENVIRONMENT_NAME: added})) if added else resource
            last = self._last = (resource, named)
        return last[1]
