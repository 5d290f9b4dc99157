"""A program with the real OpenAI SDK under the guard, the provider that it calls, and the `serve` that it asks."""

from pathlib import Path

from support.application import PROJECT, Application
from support.fake_provider import FakeProvider

PATHS = ":".join(str(PROJECT / floor) for floor in ("schemas", "exporter", "instrumentation", "ledger"))

PROGRAM = """
import sys
import openai
from spanledger.instrumentation import attribution, instrument, uninstrument
from spanledger.schemas import BudgetExceededError, PolicyDeniedError

instrument()
client = openai.OpenAI()
for asked in sys.stdin.read().split():
    model, _, approval = asked.partition("+")
    with attribution(tenant="acme", team="core", agent="writer", **({"approval": approval} if approval else {})):
        try:
            client.chat.completions.create(
                model=model, max_tokens=1000, messages=[{"role": "user", "content": "count to three"}]
            )
            print(model, "answered")
        except BudgetExceededError as error:
            print(model, "budget", error.budget, error.limit, error.currency, isinstance(error, openai.OpenAIError))
        except PolicyDeniedError as error:
            print(model, "policy", error.policy, error.reason)
uninstrument()
"""


def guarded(folder: Path, provider: FakeProvider, models: str, **environ: str) -> list[str]:
    """Call each of these models (`model` or `model+approval`) once; a line of what came of each."""
    application = Application(folder)
    application.environ["PYTHONPATH"] += f":{PATHS}"
    done = application.run(
        PROGRAM.replace("sys.stdin.read()", repr(models)),
        OPENAI_BASE_URL=f"{provider.url}/v1",
        OPENAI_API_KEY="k",
        SPANLEDGER_ENDPOINTS=f"{provider.host}=openai",
        SPANLEDGER_GUARD="enforce",
        **environ,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()
