"""One call to a model, charged to the tenant it is for. No line of it knows of the ledger but the block.

OTEL_TRACES_EXPORTER=spanledger opentelemetry-instrument python examples/chat.py
spanledger report --by tenant,model
"""

import sys

import openai

from spanledger.instrumentation import attribution


def main() -> None:
    """Ask, and print the answer."""
    client = openai.OpenAI()
    with attribution(tenant="acme", user_id="u-7", feature="greeting"):
        answer = client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Say hello in one word."}]
        )
    sys.stdout.write(f"{answer.choices[0].message.content}\n")


if __name__ == "__main__":
    main()
