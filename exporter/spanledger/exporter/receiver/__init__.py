"""The OTLP receiver: two doors, gRPC and HTTP, in front of one injected intake.

| file | duty |
|---|---|
| `port.py` | what the doors ask of the rest: `Intake`, `Answer` |
| `answers.py` | every failure and success, as gRPC status, HTTP status and body |
| `reasons.py` | many reasons in one line |
| `gate.py` | what both doors share: who is asking, bytes in flight, the time an answer may take, draining |
| `otlp_grpc.py`, `health.py` | OTLP/gRPC and the gRPC health service |
| `otlp_http.py`, `inflate.py` | OTLP/HTTP, `/healthz` and `/readyz`; bounded decompression |
| `http_edge.py` | the HTTP listener: connection limits and timeouts |
| `otlpjson.py`, `json_text.py`, `json_wire.py` | OTLP/JSON → OTLP protobuf |
| `listening.py` | why a port cannot be opened, in a sentence |
| `server.py` | `Receiver`: both doors, started and drained as one |
| `stopping.py` | the signals that end a receiver |

This page imports neither grpc nor uvicorn, so that the rest may name an `Answer` without them.
"""

from spanledger.exporter.receiver.port import Answer, Intake

__all__ = ["Answer", "Intake"]
