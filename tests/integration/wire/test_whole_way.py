"""From a program that calls a model to the report: processes of their own, a real embedded store, no server."""

from collections.abc import Generator
from pathlib import Path

import pytest
from support.application import PROJECT, Application
from support.commands import answer, run
from support.fake_provider import FakeProvider, Plan, fake_provider

EXAMPLE = PROJECT / "examples" / "chat.py"
PATHS = ":".join(str(PROJECT / floor) for floor in ("schemas", "exporter", "instrumentation", "ledger"))


class Script:
    """A program, the provider that it calls, and the ledger it ends up in."""

    def __init__(self, folder: Path, provider: FakeProvider) -> None:
        self.provider = provider
        self.application = Application(folder)
        self.application.environ["PYTHONPATH"] += f":{PATHS}"
        self.environ = {
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "OPENAI_API_KEY": "k",
            "ANTHROPIC_BASE_URL": provider.url,
            "ANTHROPIC_API_KEY": "k",
            "SPANLEDGER_ENDPOINTS": f"{provider.host}=openai,anthropic",
        }

    def asked(self, sql: str) -> list[tuple[object, ...]]:
        """The rows of a query, after everything that was journaled is posted."""
        return [tuple(row.values()) for row in answer("sql", "--store", self.application.store, sql)]


@pytest.fixture
def script(tmp_path: Path) -> Generator[Script]:
    """A program with an empty store and a provider."""
    with fake_provider() as provider:
        yield Script(tmp_path, provider)


def test_an_instrumented_program_is_charged_to_its_tenant_attempt_by_attempt(script: Script) -> None:
    """The example under `opentelemetry-instrument`: 429, then 500, then an answer are three attempts and one charge."""
    script.provider.plans += [Plan(status=429), Plan(status=500)]
    done = script.application.run_instrumented(EXAMPLE.read_text(), **script.environ)
    assert done.stdout == 'One two three prompt_tokens "usage" end.\n'
    report = answer("report", "--store", script.application.store, "--by", "tenant,model")
    # The third answer: 1003 in, 303 of them cached, 203 out, at 2.50, 1.25 and 10.00 dollars a million.
    (row,) = report
    assert {name: row[name] for name in ("tenant", "model", "requests", "input_tokens", "output_tokens", "cost")} == {
        "tenant": "acme",
        "model": "gpt-4o",
        "requests": 1,
        "input_tokens": 1003,
        "output_tokens": 203,
        "cost": "0.00415875",
    }
    tries = script.asked(
        "SELECT requests, attempt, status, error_type, cost_state, tenant, feature, user_id"
        " FROM (SELECT * FROM charges UNION ALL SELECT * FROM attempts) ORDER BY attempt"
    )
    assert tries == [
        (0, 0, "error", "429", "unknown", "acme", "greeting", "u-7"),
        (0, 1, "error", "500", "unknown", "acme", "greeting", "u-7"),
        (1, 2, "ok", "", "priced", "acme", "greeting", "u-7"),
    ]


def test_a_plain_program_needs_one_line(script: Script) -> None:
    """`instrument()` without any set-up; the SDK's own spans beside ours, in a provider set later, are one charge."""
    program = (
        "import anthropic, openai\n"
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from spanledger.exporter import LedgerSpanProcessor\n"
        "from spanledger.instrumentation import attribution, instrument, uninstrument\n"
        "instrument()\n"
        "messages = [{'role': 'user', 'content': 'count'}]\n"
        "with attribution(tenant='acme'):\n"
        "    openai.OpenAI().chat.completions.create(model='gpt-4o', messages=messages)\n"
        "    list(openai.OpenAI().chat.completions.create(model='gpt-4o', messages=messages, stream=True))\n"
        "provider = TracerProvider()\n"
        "provider.add_span_processor(LedgerSpanProcessor())\n"
        "trace.set_tracer_provider(provider)\n"
        "assert trace.get_tracer_provider() is provider\n"
        "with attribution(tenant='umbrella'):\n"
        "    anthropic.Anthropic().messages.create(model='claude-sonnet-5', max_tokens=9, messages=messages)\n"
        "uninstrument()\n"
        "openai.OpenAI().chat.completions.create(model='gpt-4o', messages=messages)\n"
    )
    done = script.application.run(program, OTEL_SERVICE_NAME="checkout", **script.environ)
    assert done.stderr == ""
    rows = script.asked(
        "SELECT tenant, provider, input_tokens, output_tokens, dialect, told FROM charges"
        " JOIN (SELECT tenant, count() AS told FROM claims GROUP BY tenant) AS claims USING (tenant)"
        " ORDER BY tenant, output_tokens DESC"
    )
    assert rows == [
        ("acme", "openai", 1001, 201, "wire", 2),
        ("acme", "openai", 19, 8, "wire", 2),
        ("umbrella", "anthropic", 3426, 80, "wire", 2),
    ]
    firsts = script.asked(
        "SELECT countIf(time_to_first_token_ms <= duration_ms), countIf(isNull(time_to_first_token_ms)) FROM charges"
    )
    assert firsts == [(1, 2)], "one answer of three streamed"
    doctor = run("doctor", "--store", script.application.store)
    assert "checkout: of 2 calls to openai the usage of 1 estimated: their streams state none" in doctor.stdout
