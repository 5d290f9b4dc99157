"""`spanledger report`: sums, rates and quantiles by any dimension."""

import argparse
from typing import cast

from spanledger.ledger.cli.console import say
from spanledger.ledger.cli.options import add_format, add_question, add_store, asked_of, asking, format_of, write_answer


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    parser.add_argument(
        "--by",
        default="tenant,model",
        metavar="DIMENSIONS",
        help="comma-separated: tenant, model, provider, service_name, user_id, feature, team, project, hour, day, "
        "week, month or any other column that holds a word (default: tenant,model)",
    )
    parser.add_argument(
        "--measures",
        metavar="NAMES",
        help="comma-separated: requests, attempts, errors, success_rate, input_tokens, output_tokens, "
        "cache_read_tokens, cache_write_tokens, reasoning_tokens, cost, revenue, cost_per_million_tokens, "
        "output_per_input, duration_mean_ms, duration_p50_ms (p90, p95, p99), time_to_first_token_p50_ms (…) "
        "(default: requests,input_tokens,output_tokens,cost)",
    )
    add_question(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print the report."""
    from spanledger.ledger.queries import DEFAULT_MEASURES, answer, ask, totals  # noqa: PLC0415

    measures = cast("str | None", options.measures)
    asked = ask(
        cast("str", options.by), measures=DEFAULT_MEASURES if measures is None else measures, **asked_of(options)
    )
    with asking(options) as query:
        table = answer(query, asked)
    write_answer(table, options)
    # Of what was cut off nothing is added up.
    if format_of(options) == "table" and {"requests", "cost"} <= set(table.columns) and asked.limit is None:
        for total in totals(table) or ["nothing was charged in this time"]:
            say(f"total: {total}")
    return 0
