"""Explicit work in processes of their own: it is in the journal however they end, and a sandbox leaves nothing."""

import json
import runpy
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from support.application import PROJECT, Application, journaled, text
from support.commands import answer

from spanledger.schemas import attributes as a

EXAMPLE = PROJECT / "examples" / "audit_pipeline.py"

TRACK = "from spanledger.instrumentation import attribution, track\nimport os, sys\n"


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """An application with an empty store."""
    return Application(tmp_path)


def operations(application: Application) -> list[str]:
    """The operations that were journaled, in alphabetical order."""
    return sorted(text(span, a.LEDGER_OPERATION) for span in application.journaled())


def test_work_is_journaled_when_the_process_ends(application: Application) -> None:
    """Without any set-up, behind the last line, and by threads that never end."""
    application.run(
        TRACK + "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "with attribution(tenant='acme'):\n"
        "    for number in range(1000): track('elevenlabs', f'{number:04}')\n"
    )
    found = application.journaled()
    assert operations(application) == [f"{number:04}" for number in range(1000)]
    assert {text(span, a.LEDGER_TENANT) for span in found} == {"acme"}


def test_a_fork_records_for_itself(application: Application) -> None:
    """Parent and children each record what they did, once, also with a seeded random generator."""
    application.run(
        TRACK + "import multiprocessing, random\n"
        "def child(number):\n"
        "    random.seed(1)\n"
        "    track('db', f'child {number}')\n"
        "track('db', 'before')\n"
        "children = [multiprocessing.get_context('fork').Process(target=child, args=(n,)) for n in range(3)]\n"
        "for each in children: each.start()\n"
        "for each in children: each.join()\n"
        "track('db', 'after')\n"
    )
    assert operations(application) == ["after", "before", "child 0", "child 1", "child 2"]
    assert len({span.span_id for span in application.journaled()}) == 5


def test_a_fork_right_behind_the_first_work_loses_and_repeats_nothing(application: Application) -> None:
    """While the ledger is being opened: each process records its own, and no module is left locked in the child."""
    application.run(
        TRACK + "track('db', 'parent')\n"
        "child = os.fork()\n"
        "track('db', 'behind' if child else 'child')\n"
        "if child: os.waitpid(child, 0)\n"
    )
    assert operations(application) == ["behind", "child", "parent"]


def test_nothing_is_lost_by_a_signal_that_is_handled(application: Application) -> None:
    """A handler of SIGTERM that exits, as servers have."""
    application.run(
        TRACK + "import signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "for number in range(100): track('db', f'{number:03}')\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "signal.pause()\n"
    )
    assert operations(application) == [f"{number:03}" for number in range(100)]


def test_a_provider_with_the_ledgers_processor_is_used(application: Application) -> None:
    """One journal for spans and for explicit work, and the resource of the provider."""
    application.run(
        TRACK + "from opentelemetry import trace\n"
        "from opentelemetry.sdk.resources import Resource\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from spanledger.exporter import LedgerSpanProcessor\n"
        "provider = TracerProvider(resource=Resource({'service.name': 'shop'}))\n"
        "processor = LedgerSpanProcessor()\n"
        "provider.add_span_processor(processor)\n"
        "trace.set_tracer_provider(provider)\n"
        "chat = {'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': 1}\n"
        "with attribution(tenant='acme'):\n"
        "    with provider.get_tracer('app').start_as_current_span('chat', attributes=chat):\n"
        "        track('db', 'write')\n"
        "assert processor.force_flush()\n"
        "assert processor.ledger_counts() == {'journaled': 2}, processor.ledger_counts()\n"
    )
    found = application.journaled()
    assert [text(span, a.LEDGER_TENANT) for span in found] == ["acme", "acme"]
    assert len({span.trace_id for span in found}) == 1


def test_what_is_configured_from_code_holds(application: Application) -> None:
    """Store, name and environment as the settings would say them; a predecessor's other options are accepted."""
    elsewhere = application.folder / "elsewhere"
    application.run(
        TRACK + "from spanledger.instrumentation import configure\n"
        f"configure(database_url={str(elsewhere)!r}, app_name='shop', environment='prod', batch_size=100,\n"
        "    flush_interval_seconds=5, async_mode=True, sample_rate=0.1, debug=True)\n"
        "for number in range(20): track('db', 'write')\n"
        "import logging\n"
        "assert logging.getLogger('spanledger').level == logging.DEBUG\n"
    )
    assert application.journaled() == []
    found = list(journaled(elsewhere / "journal"))
    assert len(found) == 20
    said = {name: AnyValue.FromString(value).string_value for name, value in found[0].resource.attributes.items()}
    assert (said[a.SERVICE_NAME], said[a.ENVIRONMENT_NAME]) == ("shop", "prod")


def test_a_wrong_setting_is_one_log_line(application: Application) -> None:
    """The application goes on, and hears of it once."""
    done = application.run(
        TRACK + "for _ in range(3): track('db', 'write')\nprint('went on', file=sys.stderr)\n",
        SPANLEDGER_STORE="mysql://nowhere",
    )
    assert done.stderr.count("spanledger is disabled") == 1
    assert "went on" in done.stderr


def test_a_sandbox_opens_nothing(application: Application) -> None:
    """Priced JSON lines on stdout; no socket, and no file for writing."""
    done = application.run(
        "import sys\n"
        "def audit(event, found):\n"
        "    writes = event == 'open' and isinstance(found[1], str) and set(found[1]) & set('wax+')\n"
        "    assert not writes and not event.startswith('socket.') and event != 'os.mkdir', (event, found)\n"
        "sys.addaudithook(audit)\n"
        "sys.dont_write_bytecode = True\n" + TRACK + "track('openai', 'chat', 1000, 'output_tokens', model='gpt-4o')\n",
        SPANLEDGER_SANDBOX="true",
    )
    (line,) = done.stdout.splitlines()
    event = json.loads(line)
    assert (event["cost"], event["currency"], event["cost_state"]) == ("0.01", "USD", "priced")
    assert (event["tenant"], event["environment"], event["usage_source"]) == ("unattributed", "dev", "manual")
    assert not application.store.exists()


def test_the_audit_pipeline_costs_what_it_says(application: Application) -> None:
    """Four steps, eight events, each with the quantity and the cost of the example's own table: printed, and booked."""
    expected = sorted(runpy.run_path(str(EXAMPLE))["EXPECTED"], key=repr)
    assert len(expected) == 8
    printed = application.run(EXAMPLE.read_text(), SPANLEDGER_SANDBOX="true")
    assert not application.store.exists()
    application.run(EXAMPLE.read_text())
    booked = answer("sql", "--store", application.store, "SELECT * FROM charges")
    for events in ([json.loads(line) for line in printed.stdout.splitlines()], booked):
        found = [
            (e["provider"], e["operation"], *e["lines.unit"], *map(int, e["lines.quantity"]), *costs(e)) for e in events
        ]
        assert sorted(found, key=repr) == expected
        assert {(e["tenant"], e["feature"], e["team"], e["workflow_id"]) for e in events} == {
            ("acme", "call-audit", "support", "call-42")
        }


def costs(event: Mapping[str, str | None]) -> list[str | None]:
    """Our price and the sender's own account, without the zeros behind."""
    found = (event["cost"], event["reported_cost"])
    return [None if cost is None else f"{Decimal(cost).normalize():f}" for cost in found]
