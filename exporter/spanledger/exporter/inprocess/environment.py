"""Which environment a process works in, on all its usage: what the settings say, else its resource, else `dev`.

What a span states itself is nearer than all of them.
"""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from spanledger.schemas import attributes as a
from spanledger.schemas.claim import ENVIRONMENT_DEFAULT


def name_environment(request: ExportTraceServiceRequest, stated: str) -> None:
    """Let every resource of a request name its environment. `stated` is the setting, or empty."""
    for group in request.resource_spans:
        _name(group.resource, stated)


def _name(resource: Resource, stated: str) -> None:
    named = {pair.key: pair for pair in resource.attributes}
    if not stated and any(name in named for name in (a.ENVIRONMENT_NAME, a.ENVIRONMENT_OLD)):
        return
    pair = named.get(a.ENVIRONMENT_NAME) or resource.attributes.add(key=a.ENVIRONMENT_NAME)
    pair.value.string_value = stated or ENVIRONMENT_DEFAULT
