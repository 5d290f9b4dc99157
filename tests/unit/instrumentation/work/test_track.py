import asyncio
import logging
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime
from decimal import Decimal
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode
from support.attributing import Taken, taking

from spanledger.instrumentation import (
    LLMEvent,
    arecording,
    atrack,
    attribution,
    get_async_tracker,
    get_tracker,
    record,
    recording,
    track,
    track_cost,
    track_llm,
)
from spanledger.instrumentation.work.wrapping import watched
from spanledger.schemas import attributes as a

NS_PER_MS = 1_000_000


class Hostile:
    """An object of which nothing can be asked."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __index__ = __bool__ = __str__  # pyright: ignore[reportAssignmentType]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # pyright: ignore[reportAssignmentType]


ANYTHING = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.binary(),
    st.lists(st.integers(), max_size=2),
    st.builds(Hostile),
)


def test_a_unit_of_work_is_a_span_that_is_over() -> None:
    """All it states is on it, whom it is for too, and it hangs below the span that is current."""
    provider = TracerProvider(shutdown_on_exit=False)
    with taking() as taken, attribution(tenant="acme", feature="search"):
        with provider.get_tracer("app").start_as_current_span("request") as request:
            track("elevenlabs", "speak", 120, "characters", feature="voice", model="m1", job=7, cost=Decimal("0.01"))
        asyncio.run(atrack("db", "write"))
    spoken, written = taken.said()
    assert spoken == {
        a.LEDGER_TENANT: "acme",
        a.LEDGER_FEATURE: "voice",
        "ledger.job": "7",
        a.REQUEST_MODEL: "m1",
        a.LEDGER_UNITS: 120,
        a.LEDGER_UNIT_TYPE: "characters",
        a.LEDGER_OPERATION: "speak",
        a.LEDGER_SERVICE: "elevenlabs",
        a.LEDGER_COST: "0.01",
    }
    assert (written[a.LEDGER_UNITS], written[a.LEDGER_UNIT_TYPE]) == (1, "requests")
    parent = taken.spans[0].parent
    assert parent is not None
    assert parent.span_id == request.get_span_context().span_id
    assert taken.spans[1].parent is None


@pytest.mark.parametrize(
    ("units", "stated"),
    [(3, 3), (3.0, 3), (Decimal(3), 3), (0, 0), (True, "True"), (1.5, "1.5"), ("3", "'3'"), (2**70, str(2**70))],
)
def test_only_whole_numbers_are_units(units: object, stated: object) -> None:
    """Anything else goes on as text, which the ledger sets aside in sight: it is neither zero nor lost."""
    with taking() as taken:
        track("db", "write", units)  # pyright: ignore[reportArgumentType]
    assert taken.said()[0][a.LEDGER_UNITS] == stated


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(ANYTHING, min_size=4, max_size=4), st.dictionaries(st.text(max_size=5), ANYTHING, max_size=4))
def test_nothing_a_caller_gives_raises(given_values: list[object], dimensions: dict[str, object]) -> None:
    """Every public call takes anything."""
    service, operation, units, unit = given_values
    dims = {name: value for name, value in dimensions.items() if name not in {"service", "operation", "units"}}
    with taking():
        track(service, operation, units, unit, **dims)  # pyright: ignore[reportArgumentType]
        track_cost(units, units, service, operation, **{n: v for n, v in dims.items() if n != "model"})  # pyright: ignore[reportArgumentType]
        get_tracker().track(LLMEvent.fast_construct(model=service, input_tokens=units, metadata_extra=operation))
        get_tracker().track(units)  # pyright: ignore[reportArgumentType]
        with recording(service, operation, units, unit, **dims) as work:  # pyright: ignore[reportArgumentType]
            work.units = units  # pyright: ignore[reportAttributeAccessIssue]


def test_a_processor_that_raises_is_not_heard_of(caplog: pytest.LogCaptureFixture) -> None:
    """It is counted and logged once, whatever fails behind the call."""

    class Broken(Taken):
        def on_end(self, span: object) -> None:
            raise OSError(span)

    with taking() as taken, caplog.at_level(logging.WARNING):
        taken.on_end = Broken().on_end
        before = get_tracker().failures().get("work cannot be recorded", 0)
        for _ in range(3):
            track("db", "write")
        assert get_tracker().failures()["work cannot be recorded"] == before + 3
    assert len(caplog.records) <= 1


def test_a_block_is_recorded_when_it_ends() -> None:
    """With what was set inside; one that raises is an attempt, or charged if that was asked for."""

    async def block() -> None:
        async with arecording("db", "write", 5) as work:
            work.dimensions["table"] = "calls"

    with taking() as taken:
        with recording("db", "write", unit_type="rows") as work:
            work.units = 3
        asyncio.run(block())
        for told in (False, True):
            with pytest.raises(ZeroDivisionError), recording("db", "write", 4, record_on_error=told):
                raise ZeroDivisionError
    assert [said[a.LEDGER_UNITS] for said in taken.said()] == [3, 5, 0, 4]
    assert taken.said()[1]["ledger.table"] == "calls"
    assert [said.get(a.ERROR_TYPE) for said in taken.said()] == [None, None, "ZeroDivisionError", "ZeroDivisionError"]
    assert [span.status.status_code is StatusCode.ERROR for span in taken.spans] == [False, False, True, True]


def test_functions_of_every_kind_are_recorded_on_success() -> None:
    """Each stays of its kind; one that raises is recorded only if that was asked for."""

    @record("svc", units=len, unit_type="items")
    def function() -> list[int]:
        return [1, 2]

    @record("svc", "named")
    async def coroutine() -> int:
        await asyncio.sleep(0)
        return 7

    @record("svc", "gen")
    def numbers() -> Generator[int, int, str]:
        got = yield 1
        yield got
        return "done"

    @record("svc", "agen")
    async def async_numbers() -> AsyncGenerator[int, None]:
        yield 1
        yield 2

    @record("svc", "fails")
    def fails() -> None:
        raise ZeroDivisionError

    @record("svc", "told", 2, record_on_error=True)
    def told() -> None:
        raise ZeroDivisionError

    async def collect() -> list[int]:
        return [number async for number in async_numbers()]

    with taking() as taken:
        assert function() == [1, 2]
        assert asyncio.run(coroutine()) == 7
        made = numbers()
        assert (next(made), made.send(9)) == (1, 9)
        assert taken.said()[-1][a.LEDGER_OPERATION] == "named"
        with pytest.raises(StopIteration) as stopped:
            next(made)
        assert stopped.value.value == "done"
        abandoned = numbers()
        next(abandoned)
        abandoned.close()
        assert asyncio.run(collect()) == [1, 2]
        for failing in (fails, told):
            with pytest.raises(ZeroDivisionError):
                failing()
    kinds = (iscoroutinefunction(coroutine), isgeneratorfunction(numbers), isasyncgenfunction(async_numbers))
    assert kinds == (True, True, True)
    found = [(said[a.LEDGER_OPERATION], said[a.LEDGER_UNITS]) for said in taken.said()]
    assert found == [("function", 2), ("named", 1), ("gen", 1), ("gen", 1), ("agen", 1), ("told", 2)]


def test_units_that_cannot_be_told_are_unknown() -> None:
    """The function's result passes; its work is neither lost nor guessed."""

    @record("svc", "op", units=len)
    def function() -> list[int]:
        return 7  # pyright: ignore[reportReturnType]

    with taking() as taken:
        assert function() == 7
    assert taken.said()[0][a.LEDGER_UNITS] == "'unknown'"


def test_exceptions_go_into_generators_and_out_again() -> None:
    """Watching changes nothing that passes between a generator and its consumer."""
    seen: list[object] = []

    class Seeing:
        def ended(self, result: object) -> None:
            seen.append(result)

        def failed(self, error: BaseException) -> None:
            seen.append(error)

    def numbers() -> Generator[str, None, None]:
        try:
            yield "first"
        except KeyError:
            yield "caught"

    made = watched(numbers, Seeing)()
    assert (next(made), made.throw(KeyError())) == ("first", "caught")
    error = ValueError()
    with pytest.raises(ValueError, match=r"^$") as raised:
        made.throw(error)
    assert raised.value is error
    assert seen == [error]


def test_a_predecessors_events_are_calls() -> None:
    """`LLMEvent` and `track_cost` state tokens, model and whom it is for; a made cost stays beside."""
    event = LLMEvent(
        provider="openai",
        model="gpt-4o",
        input_tokens=1000,
        output_tokens=100,
        cached_tokens=400,
        cost_usd=0.004,
        duration_ms=250,
        status="error",
        user_id="u-1",
        timestamp=datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC),
        metadata_extra={"job": 7},
    )

    async def asynchronously() -> None:
        tracker = await get_async_tracker()
        await tracker.track_async(event)

    with taking() as taken, attribution(tenant="acme"):
        get_tracker().track(event)
        asyncio.run(asynchronously())
        track_cost(10, 2, "gpt-4o", "u-2", feature="f")
    first, second, third = taken.said()
    assert first == second
    assert first == {
        a.LEDGER_TENANT: "acme",
        a.LEDGER_USER_ID: "u-1",
        "ledger.job": "7",
        a.OPERATION_NAME: "chat",
        a.PROVIDER_NAME: "openai",
        a.REQUEST_MODEL: "gpt-4o",
        a.RESPONSE_MODEL: "gpt-4o",
        a.USAGE_INPUT_TOKENS: 1000,
        a.USAGE_OUTPUT_TOKENS: 100,
        a.USAGE_CACHE_READ: 400,
        a.USAGE_COST: "0.004",
    }
    assert (third[a.LEDGER_USER_ID], third[a.LEDGER_FEATURE], third[a.USAGE_INPUT_TOKENS]) == ("u-2", "f", 10)
    span = taken.spans[0]
    assert span.end_time == 1_767_323_045_000_600_000
    assert span.end_time - (span.start_time or 0) == 250 * NS_PER_MS
    assert span.status.status_code is StatusCode.ERROR


def test_an_event_made_fast_is_the_same() -> None:
    """It is only not looked at."""
    values = {"provider": "openai", "model": "gpt-4o", "input_tokens": 3, "output_tokens": 1}
    assert vars(LLMEvent.fast_construct(**values)) == vars(LLMEvent(**values))  # pyright: ignore[reportArgumentType]


def test_an_answer_says_what_it_used() -> None:
    """OpenAI's object, Anthropic's mapping with its cache counted apart, and a call that raised."""
    details = SimpleNamespace(cached_tokens=400)
    usage = SimpleNamespace(prompt_tokens=1000, completion_tokens=100, prompt_tokens_details=details)

    @track_llm(provider="openai", feature="f")
    def openai() -> SimpleNamespace:
        return SimpleNamespace(id="chatcmpl-1", model="gpt-4o", usage=usage)

    @track_llm
    async def anthropic() -> dict[str, object]:
        await asyncio.sleep(0)
        counts = {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1}
        return {"id": "msg_1", "model": "claude", "usage": counts}

    @track_llm(model="gpt-4o")
    def fails() -> None:
        raise ZeroDivisionError

    with taking() as taken:
        openai()
        asyncio.run(anthropic())
        with pytest.raises(ZeroDivisionError):
            fails()
    first, second, third = taken.said()
    counts = (a.USAGE_INPUT_TOKENS, a.USAGE_OUTPUT_TOKENS, a.USAGE_CACHE_READ, a.USAGE_CACHE_WRITE)
    assert [first.get(name) for name in counts] == [1000, 100, 400, None]
    assert (first[a.RESPONSE_ID], first[a.LEDGER_FEATURE]) == ("chatcmpl-1", "f")
    assert [second.get(name) for name in counts] == [8, 7, 2, 1]
    assert [third.get(name) for name in counts] == [None] * 4
    assert (third[a.ERROR_TYPE], third[a.REQUEST_MODEL]) == ("ZeroDivisionError", "gpt-4o")


def test_work_names_the_reservation_it_was_made_under() -> None:
    """As a dimension like any other, by which a budget finds what was held for it."""
    with taking() as taken:
        track("ocr", "scan", 12, "pages", reservation_id="r-1")
        with recording("ocr", "scan", reservation_id="r-2"):
            pass
    assert [said[a.LEDGER_RESERVATION_ID] for said in taken.said()] == ["r-1", "r-2"]
