import asyncio
import types
from collections.abc import AsyncGenerator, Generator
from functools import partial
from inspect import isasyncgen, isasyncgenfunction, iscoroutine, iscoroutinefunction, isgenerator, isgeneratorfunction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.context import get_current
from support.attributing import plainly, stamped, stamped_in_task, tracer

from spanledger.instrumentation import attribution
from spanledger.schemas import attributes as a

FIELDS = st.dictionaries(st.sampled_from(["tenant", "user_id", "feature", "team", "job"]), st.text("ab/", min_size=1))


class Unprintable:
    """An object of the application's that has no text."""

    def __str__(self) -> str:
        raise ValueError


def test_a_span_that_starts_inside_says_whom_it_is_for() -> None:
    """Every field is stamped and is W3C baggage, and nothing is left behind the block."""
    before = get_current()
    with attribution(tenant="acme", user_id=7, feature="search", anything=True):
        assert stamped() == {"tenant": "acme", "user_id": "7", "feature": "search", "anything": "true"}
        assert baggage.get_baggage(a.LEDGER_TENANT) == "acme"
    assert stamped() == {}
    assert get_current() is before


@given(st.lists(FIELDS, max_size=5))
def test_blocks_nest_and_merge(nesting: list[dict[str, str]]) -> None:
    """Inside any nesting the inner value of each field wins; on the way out every outer one is back."""
    expected: list[dict[str, str]] = [{}]
    blocks = [attribution(**fields) for fields in nesting]
    for fields, block in zip(nesting, blocks, strict=True):
        expected.append({**expected[-1], **fields})
        block.__enter__()
        assert stamped() == expected[-1]
    for block in reversed(blocks):
        assert stamped() == expected.pop()
        block.__exit__(None, None, None)
    assert stamped() == {}


def test_an_exception_passes_and_ends_the_block() -> None:
    """What is raised inside is raised outside, unattributed."""
    with pytest.raises(ZeroDivisionError), attribution(tenant="acme"):
        raise ZeroDivisionError
    assert stamped() == {}


def test_one_block_serves_many_at_once() -> None:
    """A block that is kept in a variable nests in itself and runs in tasks beside each other."""
    block = attribution(tenant="acme")

    async def nested() -> dict[str, object]:
        async with block:
            await asyncio.sleep(0)
            with block:
                await asyncio.sleep(0)
            return stamped()

    async def all_of_them() -> list[dict[str, object]]:
        return await asyncio.gather(*(nested() for _ in range(3)))

    assert asyncio.run(all_of_them()) == [{"tenant": "acme"}] * 3
    assert stamped() == {}


def test_tasks_take_it_over() -> None:
    """A task works for whoever created it."""
    with attribution(tenant="acme"):
        assert asyncio.run(stamped_in_task()) == {"tenant": "acme"}


def test_functions_stay_what_they_are() -> None:
    """A decorated function, coroutine, generator and async generator is still one, with its name and its result."""

    @attribution(tenant="acme")
    def function(number: int) -> tuple[int, object]:
        """Do it."""
        return number, stamped()["tenant"]

    @attribution(tenant="acme")
    async def coroutine(number: int) -> tuple[int, object]:
        await asyncio.sleep(0)
        return number, stamped()["tenant"]

    assert function(3) == (3, "acme")
    assert (function.__name__, function.__doc__) == ("function", "Do it.")
    assert iscoroutinefunction(coroutine)
    assert asyncio.run(coroutine(4)) == (4, "acme")


class Callable:
    """An object that is called as a coroutine function is."""

    async def __call__(self) -> object:
        """Say whom it is for."""
        await asyncio.sleep(0)
        return stamped()


def test_whatever_runs_a_coroutine_is_attributed_while_that_runs() -> None:
    """A partial, an object, and a plain function that hands on what another made."""

    async def coroutine(_: int = 0) -> object:
        await asyncio.sleep(0)
        return stamped()

    attributing = attribution(tenant="acme")
    made = attributing(lambda: coroutine(1))()
    assert iscoroutine(made)
    assert made.__name__ == "coroutine"
    assert asyncio.run(made) == {"tenant": "acme"}
    for function in (attributing(partial(coroutine, 1)), attributing(Callable())):
        assert iscoroutinefunction(function)
        assert asyncio.run(function()) == {"tenant": "acme"}


def test_a_plain_function_that_gives_generators_is_attributed_while_those_run() -> None:
    """They are generators still; one that somebody has begun already is left alone."""

    def numbers() -> Generator[object, int, str]:
        got = yield stamped()
        yield got
        return "done"

    async def async_numbers() -> AsyncGenerator[object, None]:
        yield stamped()

    async def collect(made: AsyncGenerator[object, None]) -> list[object]:
        return [each async for each in made]

    attributing = attribution(tenant="acme")
    made = attributing(plainly(numbers))()
    assert isgenerator(made)
    assert (next(made), made.send(5)) == ({"tenant": "acme"}, 5)
    assert stamped() == {}
    begun = numbers()
    next(begun)
    assert attributing(lambda: begun)() is begun
    async_made = attributing(plainly(async_numbers))()
    assert isasyncgen(async_made)
    assert asyncio.run(collect(async_made)) == [{"tenant": "acme"}]


def test_a_generator_that_can_be_awaited_stays_one() -> None:
    """Nothing else that can be awaited is replaced by another: it is what the function gave."""

    @types.coroutine
    def awaitable() -> Generator[None, None, int]:
        yield
        return 7

    made = awaitable()

    async def wait() -> int:
        return await attribution(tenant="acme")(lambda: made)()

    assert attribution(tenant="acme")(lambda: made)() is made
    assert asyncio.run(wait()) == 7


def test_a_generator_is_attributed_while_it_runs_and_its_consumer_is_not() -> None:
    """Values sent, exceptions thrown and the returned value pass; between the steps the consumer's own holds."""

    @attribution(feature="inner")
    def numbers() -> Generator[object, int, str]:
        try:
            with tracer.start_as_current_span("around") as around:
                got = yield stamped()
                inside = stamped()
                assert inside["feature"] == "inner"
                assert around.is_recording()
                yield got
        except KeyError:
            yield stamped()
        return "done"

    assert isgeneratorfunction(numbers)
    with attribution(tenant="acme"):
        made = numbers()
        assert next(made) == {"tenant": "acme", "feature": "inner"}
        assert stamped() == {"tenant": "acme"}
        assert made.send(5) == 5
        assert made.throw(KeyError()) == {"tenant": "acme", "feature": "inner"}
        with pytest.raises(StopIteration) as stopped:
            next(made)
        assert stopped.value.value == "done"
        assert stamped() == {"tenant": "acme"}


def test_an_async_generator_is_attributed_while_it_runs_and_its_consumer_is_not() -> None:
    """The same for `async for`, also when the consumer leaves early."""
    closed: list[object] = []

    @attribution(tenant="acme")
    async def numbers() -> AsyncGenerator[object, None]:
        try:
            yield stamped()
            yield stamped()
        finally:
            closed.append(stamped())

    async def consume() -> None:
        made = numbers()
        async for found in made:
            assert found == {"tenant": "acme"}
            assert stamped() == {}
            break
        await made.aclose()

    assert isasyncgenfunction(numbers)
    asyncio.run(consume())
    assert closed == [{"tenant": "acme"}]


@pytest.mark.parametrize("reserved", ["units", "unit_type", "operation", "service", "status", "cost"])
def test_a_name_of_explicit_work_is_left_out(reserved: str) -> None:
    """It would turn every span inside into a charge of its own."""
    with attribution(**{reserved: "1"}, tenant="acme"):
        assert stamped() == {"tenant": "acme"}


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.binary(), st.floats(), st.builds(Unprintable))))
def test_nothing_a_caller_says_raises(fields: dict[str, object]) -> None:
    """Whatever is given, the block runs."""
    with attribution(**fields):
        stamped()


def test_what_a_span_states_itself_is_left_alone() -> None:
    """An attribute that was set where the span starts is nearer than the block around it."""
    with attribution(tenant="acme", feature="search"):
        span = tracer.start_span("chat", attributes={a.LEDGER_TENANT: "umbrella"})
    assert getattr(span, "attributes", {})[a.LEDGER_TENANT] == "umbrella"
    assert getattr(span, "attributes", {})[a.LEDGER_FEATURE] == "search"


def test_agents_make_a_path() -> None:
    """Agents that blocks name and agents that spans name follow each other, outermost first, in either order."""
    agent = {a.OPERATION_NAME: "invoke_agent", a.AGENT_NAME: "research/er", a.CONVERSATION_ID: "c-1"}
    with attribution(agent="planner"), tracer.start_as_current_span("invoke_agent", attributes=agent):
        assert stamped()["agent_path"] == "planner/research%2Fer"
        assert stamped()["agent"] == "research/er"
        with tracer.start_as_current_span("tool"), attribution(agent="writer"):
            assert stamped()["agent_path"] == "planner/research%2Fer/writer"
            assert stamped()["conversation_id"] == "c-1"


def test_a_workflow_names_its_run() -> None:
    """The spans below a workflow's carry its name, however deep."""
    flow = {a.OPERATION_NAME: "invoke_workflow", a.WORKFLOW_NAME: "nightly"}
    with tracer.start_as_current_span("flow", attributes=flow), tracer.start_as_current_span("step"):
        assert stamped() == {"workflow_id": "nightly"}


def test_blocks_that_end_in_the_order_they_began_leave_nothing_behind() -> None:
    """Generators that are read in turns open and leave their blocks in turns."""

    def each_of(tenant: str) -> Generator[object]:
        with attribution(tenant=tenant):
            yield stamped()["tenant"]

    first, second = each_of("acme"), each_of("umbrella")
    assert [next(first), next(second)] == ["acme", "umbrella"]
    assert [*first, *second] == []
    assert stamped() == {}
    assert list(zip(each_of("acme"), each_of("umbrella"), strict=False)) == [("acme", "umbrella")]
    assert stamped() == {}
