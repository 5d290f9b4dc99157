"""The SDK's encoder, without its log: that quotes what it cannot encode, and what a span says belongs in no log."""

import logging
import threading
from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan

from spanledger.exporter.inprocess.counts import Counts

_LOGGER: Final = "opentelemetry.exporter.otlp.proto.common._internal"


class _Encoding(threading.local):
    """Whether this thread encodes for us, and how often the encoder complained meanwhile."""

    ours = False
    complaints = 0


_encoding: Final = _Encoding()


def _is_not_ours(_: logging.LogRecord) -> bool:
    """What an exporter of the application's logs is its own, and passes."""
    _encoding.complaints += 1
    return not _encoding.ours


logging.getLogger(_LOGGER).addFilter(_is_not_ours)


def encode_quietly(spans: Sequence[ReadableSpan], counts: Counts) -> ExportTraceServiceRequest:
    """Encode spans; an attribute that cannot be is counted and left out. Raises what the SDK's encoder raises."""
    _encoding.ours, _encoding.complaints = True, 0
    try:
        request = encode_spans(spans)
    finally:
        _encoding.ours = False
    if _encoding.complaints:
        reason = "an attribute of a usage span cannot be encoded, and is left out"
        counts.add("attributes_left_out", _encoding.complaints, reason=reason)
    return request
