"""What runs in a context is attributed to somebody: how the context says so, and what a span takes over at its start.

Only our own code writes the context key, so what stands there is what the application said. W3C baggage carries the
same from process to process; a stranger's baggage is not believed, because nothing here reads it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from opentelemetry.context import Context, get_value
from opentelemetry.trace import Span, get_current_span

from spanledger.schemas import attributes as a
from spanledger.schemas.agents import agents, path_of

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

CONTEXT_KEY: Final = "spanledger-attribution"
"""Key of the OpenTelemetry context: attribute → value, as they are stamped. The mapping is never changed."""

AGENT_OPERATIONS: Final = frozenset({"invoke_agent"})
WORKFLOW_OPERATIONS: Final = frozenset({"invoke_workflow"})

_CHAIN: Final = (a.LEDGER_AGENT, a.LEDGER_AGENT_PATH)
_NOTHING: Final[Mapping[str, str]] = {}
_STAMPING: Final[set[Callable[..., Any]]] = set()


def ambient(context: Context | None = None) -> Mapping[str, str]:
    """What a context (by default the current one) attributes its work to: attribute → value."""
    found = get_value(CONTEXT_KEY, context)
    return cast("Mapping[str, str]", found) if found is not None else _NOTHING


def stamp(span: Span, parent_context: Context | None) -> None:
    """Say on a span that starts whom it is for, and under which agents. What it states itself is left alone."""
    stated = statement(parent_context)
    if stated:
        own = getattr(span, "attributes", None) or _NOTHING
        added: dict[str, AttributeValue] = {key: value for key, value in stated.items() if key not in own}
        if added:
            span.set_attributes(added)


OnStart = TypeVar("OnStart", bound=Callable[..., None])


def stamping(on_start: OnStart) -> OnStart:
    """Mark a span processor's `on_start` as one that does nothing but `stamp`: it may be given less than a span."""
    _STAMPING.add(on_start)
    return on_start


def only_stamps(on_start: Callable[..., Any]) -> bool:
    """Whether a span processor's `on_start` is marked."""
    return on_start in _STAMPING


def statement(context: Context | None = None) -> Mapping[str, str]:
    """Everything that is said of a span which starts in a context: by `attribution`, and by the spans above it."""
    stated = ambient(context)
    above = getattr(get_current_span(context), "attributes", None)
    inherited = _inherited(above) if above else _NOTHING
    if not inherited:
        return stated
    # The longer path knows of more: agents of the trace below a context, or contexts opened below an agent's span.
    if len(agents(stated.get(a.LEDGER_AGENT_PATH, ""))) >= len(agents(inherited.get(a.LEDGER_AGENT_PATH, ""))):
        return {**inherited, **stated}
    return {**inherited, **stated, **{key: inherited[key] for key in _CHAIN if key in inherited}}


def _inherited(above: Mapping[str, object]) -> dict[str, str]:
    """What a span says of every span below it."""
    get = above.get
    inherited: dict[str, str] = {}
    path = get(a.LEDGER_AGENT_PATH)
    operation = get(a.OPERATION_NAME)
    if operation in AGENT_OPERATIONS and (name := get(a.AGENT_NAME) or get(a.AGENT_ID)):
        path = path_of((*agents(str(path or "")), str(name)))
        inherited[a.LEDGER_AGENT] = str(name)
    elif path and (name := get(a.LEDGER_AGENT)):
        inherited[a.LEDGER_AGENT] = str(name)
    if path:
        inherited[a.LEDGER_AGENT_PATH] = str(path)
    workflow = get(a.LEDGER_WORKFLOW_ID) or (operation in WORKFLOW_OPERATIONS and get(a.WORKFLOW_NAME))
    if workflow:
        inherited[a.LEDGER_WORKFLOW_ID] = str(workflow)
    if conversation := get(a.LEDGER_CONVERSATION_ID) or get(a.CONVERSATION_ID):
        inherited[a.LEDGER_CONVERSATION_ID] = str(conversation)
    return inherited
