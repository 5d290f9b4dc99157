"""Questions with a name, as people ask them most: what `spanledger query` lists, and what dashboards show."""

from typing import Final, NamedTuple

from spanledger.ledger.queries.measures import DEFAULT_MEASURES

TOP_LIMIT: Final = 10

COMPARED: Final = (
    "requests",
    "success_rate",
    "cost",
    "cost_per_million_tokens",
    "output_per_input",
    "duration_p50_ms",
    "duration_p95_ms",
    "time_to_first_token_p50_ms",
    "time_to_first_token_p95_ms",
)
"""What providers and models are compared, and calls are routed, by."""


class Named(NamedTuple):
    """A question that waits for its time and its filter."""

    about: str
    by: str
    measures: tuple[str, ...] = DEFAULT_MEASURES
    order: str | None = None
    limit: int | None = None


_COST: Final = ("requests", "cost")

NAMED: Final = {
    "daily-costs": Named("what each day cost", "day"),
    "daily-costs-by-model": Named("what each day cost, by model", "day,model"),
    "monthly-costs": Named("what each month cost", "month"),
    "costs-by-provider": Named("what each provider cost", "provider"),
    "costs-by-model": Named("what each model cost", "provider,model"),
    "costs-by-user": Named("what each user cost", "user_id"),
    "costs-by-feature": Named("what each feature cost", "feature"),
    "costs-by-team": Named("what each team cost", "team"),
    "costs-by-project": Named("what each project cost", "project"),
    "costs-by-cost-center": Named("what each cost centre cost", "cost_center"),
    "costs-by-agent": Named("what each agent cost", "agent"),
    "costs-by-task": Named("what each workflow or task cost", "workflow_id"),
    "top-users": Named("the users that cost most", "user_id", order="cost", limit=TOP_LIMIT),
    "top-users-by-feature": Named("the users and features that cost most", "user_id,feature", _COST, "cost", TOP_LIMIT),
    "top-providers": Named("the providers that cost most", "provider", order="cost", limit=TOP_LIMIT),
    "leaderboard": Named(
        "users by tokens and cost, with how well their calls went",
        "user_id",
        (*DEFAULT_MEASURES, "success_rate"),
        "cost",
        50,
    ),
    "daily-trend": Named("each day's calls, tokens, cost and success", "day", (*DEFAULT_MEASURES, "success_rate")),
    "latency-by-feature-and-team": Named(
        "cost and mean latency of each feature and team", "feature,team", (*_COST, "duration_mean_ms")
    ),
    "cost-per-token": Named(
        "the price of a million tokens, all kinds together, by provider and model",
        "provider,model",
        (*DEFAULT_MEASURES, "cost_per_million_tokens"),
        "cost_per_million_tokens",
    ),
    "output-per-input": Named(
        "output tokens for each input token, by feature",
        "feature",
        ("requests", "input_tokens", "output_tokens", "output_per_input"),
        "output_per_input",
    ),
    "success-rate": Named(
        "how often calls succeed, tries without usage counted, by provider and model",
        "provider,model",
        ("requests", "attempts", "errors", "success_rate"),
        "success_rate:asc",
    ),
    "benchmarks": Named("providers and models compared: cost, latency, success", "provider,model", COMPARED),
}
"""Name → question."""
