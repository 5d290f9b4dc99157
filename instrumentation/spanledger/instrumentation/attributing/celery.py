"""Through a Celery broker: the sender's attribution travels in a message header, and holds while the task runs.

A broker is as trusted as the code its messages run. Every task begins with exactly what its message says, so nothing
of one task is left to the next; an eager task runs in its caller's context as it is.
"""

# ruff: noqa: ANN401
# Celery's signals send objects of Celery's.

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingImports=false
# Celery ships no types, and is not there in most applications.

from collections.abc import Mapping
from typing import Any, Final, cast

from opentelemetry.context import attach, get_current

from spanledger.instrumentation.attributing.applied import replaced
from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.attributing.fields import attributes_of
from spanledger.instrumentation.attributing.flushing import flushed
from spanledger.instrumentation.attributing.naming import names_of
from spanledger.schemas.ambient import ambient

HEADER: Final = "spanledger_attribution"
"""A header's name is an attribute of the task's request, so it is an identifier."""


def connect() -> None:
    """Listen to the signals of Celery, which is imported."""
    from celery import signals  # noqa: PLC0415 (an application without it never gets here)

    signals.before_task_publish.connect(_publish, weak=False)
    signals.task_prerun.connect(_prerun, weak=False)
    _last()
    for begun in (signals.worker_init, signals.worker_process_init):
        begun.connect(_last, weak=False)
    signals.worker_process_shutdown.connect(_shutdown, weak=False)


def _last(**_: object) -> None:
    """End a task's attribution behind whoever else listens: they put back what they found when the task began."""
    from celery import signals  # noqa: PLC0415 (as above)

    signals.task_postrun.disconnect(_postrun)
    signals.task_postrun.connect(_postrun, weak=False)


def stated_by(request: object) -> dict[str, str] | None:
    """What the message of a task says of whom it is for; None of what is no task's request."""
    said = getattr(request, HEADER, None)
    # Protocol 1 leaves headers in a mapping of their own.
    if said is None and isinstance(headers := getattr(request, "headers", None), Mapping):
        said = cast("Mapping[str, object]", headers).get(HEADER)
    return attributes_of(names_of(cast("Mapping[str, object]", said))) if isinstance(said, Mapping) else None


def _publish(headers: Any = None, **_: object) -> None:
    try:
        stated = ambient()
        if stated and isinstance(headers, dict):
            headers.setdefault(HEADER, dict(stated))
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("a task cannot be told whom it is for", error)


def _shutdown(**_: object) -> None:
    """A pool's child ends without its exit handlers, and may be killed while it does."""
    flushed()


def _prerun(task: Any = None, **_: object) -> None:
    try:
        if not task.request.is_eager:
            attach(replaced(get_current(), stated_by(task.request) or {}))
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("a task cannot be attributed", error)


def _postrun(task: Any = None, **_: object) -> None:
    try:
        if not task.request.is_eager:
            attach(replaced(get_current(), {}))
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("a task's attribution cannot be ended", error)
