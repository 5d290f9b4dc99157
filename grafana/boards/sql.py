"""The SQL that panels share: the measures of `spanledger report`, over what stands in the chosen time.

What stands sums to what is booked: a reversal lies at the time of what it takes back, and both are gone from the views.
Sums are exact; money becomes a float at the very end, because a browser has no other number.

What a viewer or a sender named reaches the SQL percent-encoded, which leaves no quote and no backslash, and is decoded
there. Grafana's own quoting would not do: `:sqlstring` and `:singlequote` leave a backslash, which ClickHouse reads.
"""

from typing import Final

from spanledger.schemas.claim import UNATTRIBUTED

ALL: Final = "all"
"""What a variable says for all of its values: no list of them. A value that is chosen begins with `is=`."""

NONE: Final = "(none)"
"""What nothing is called, also in the links that lead from it."""

BOOKED: Final = "booked_time >= $__fromTime_ms AND booked_time < $__toTime_ms"
"""Half-open, as `--since` and `--until` are."""


def one(variable: str) -> str:
    """The value of a variable that has one."""
    return f"decodeURLComponent('${{{variable}:percentencode}}')"


def chosen(variable: str, column: str = "") -> str:
    """Whether a column (named as the variable, unless told) has a value that is chosen; (none) is nothing too."""
    told = f"'${{{variable}:customqueryparam:is}}'"
    values = f"arrayMap(v -> decodeURLComponent(substring(v, 4)), splitByChar('&', {told}))"
    or_nothing = f"arrayFlatten(arrayMap(v -> if(v = '{NONE}', [v, ''], [v]), {values}))"
    return f"({told} = '{ALL}' OR {column or variable} IN {or_nothing})"


def told(column: str) -> str:
    """A word as people read it: nothing has a name too."""
    return f"if({column} = '', '{NONE}', {column})"


CURRENCY: Final = one("currency")
ZONE: Final = one("zone")
TIME: Final = f"toDateTime(dateTrunc({one('bucket')}, booked_time, {ZONE}), {ZONE})"
"""The start of a bucket in the chosen zone."""

FILTER: Final = "\n    AND ".join(map(chosen, ("tenant", "environment", "model")))


def where(*more: str, time: str = BOOKED) -> str:
    """WHERE: the chosen time, tenants, environments and models, and more."""
    return "\n    AND ".join([f"WHERE {time}", FILTER, *more])


_SENT: Final = "kind != 'denial'"


def stands(*more: str) -> str:
    """FROM: everything that stands and was sent, filtered as the viewer chose."""
    return f"FROM open_events\n{where(_SENT, *more)}"


_PRICED_LATER: Final = "SELECT p.tenant, lower(hex(p.event_id)) FROM priced_later AS p"
_UNPRICED: Final = f"cost_state != 'priced' AND (tenant, event_id) NOT IN ({_PRICED_LATER})"
_IN_CURRENCY: Final = f"currency = {CURRENCY}"
_OF_TOKENS: Final = "arrayExists(unit -> endsWith(unit, 'tokens'), `lines.unit`)"
_TOKENS: Final = "ifNull(input_tokens, 0) + ifNull(output_tokens, 0)"

REQUESTS: Final = "sum(requests)"
TOKENS: Final = f"sum({_TOKENS})"
# A try costs nothing: its zero must not make a price of what nobody could price.
EXACT_SPEND: Final = f"sumOrNullIf(cost, kind != 'attempt' AND {_IN_CURRENCY})"
SPEND: Final = f"toFloat64({EXACT_SPEND})"
ATTEMPTS: Final = "countIf(kind = 'attempt')"
ERRORS: Final = "sumIf(requests, status = 'error') + countIf(kind = 'attempt' AND status = 'error')"
SUCCESS: Final = f"1 - ({ERRORS}) / nullIf({REQUESTS} + {ATTEMPTS}, 0)"
PER_MILLION: Final = (
    f"toFloat64(sumOrNullIf(cost, kind != 'attempt' AND {_IN_CURRENCY} AND {_OF_TOKENS})) * 1000000\n"
    f"        / nullIf(sumIf({_TOKENS}, NOT ({_UNPRICED}) AND (currency = '' OR {_IN_CURRENCY})), 0)"
)
MEAN_MS: Final = f"sum(requests * duration_ms) / nullIf({REQUESTS}, 0)"


def quantile(column: str, level: float) -> str:
    """A quantile over the charges that stand; zero says that nobody measured it, and none is not zero."""
    known = f"kind = 'charge' AND {column} > 0"
    return f"if(countIf({known}) = 0, NULL, toInt64(quantileExactIf({level})(assumeNotNull({column}), {known})))"


def share(condition: str) -> str:
    """A part of the requests, from 0 to 1."""
    return f"sumIf(requests, {condition}) / nullIf({REQUESTS}, 0)"


UNPRICED_REQUESTS: Final = f"sumIf(requests, {_UNPRICED})"
UNPRICED: Final = share(_UNPRICED)
ESTIMATED: Final = share("usage_source = 'estimated'")
MISSING: Final = share("usage_source = 'missing'")
PROBABLE: Final = share("quality = 'probable'")
UNATTRIBUTED_SHARE: Final = share(f"tenant = '{UNATTRIBUTED}'")

CACHED: Final = "sum(cache_read_tokens) / nullIf(sum(input_tokens), 0)"


def select(columns: dict[str, str], source: str, *rest: str) -> str:
    """A statement: the columns by their names, and what follows."""
    named = ",\n".join(f"    {expression} AS `{name}`" for name, expression in columns.items())
    return "\n".join([f"SELECT\n{named}", source, *rest])


def over_time(columns: dict[str, str], source: str = "") -> str:
    """Figures by bucket of time: one series each."""
    return select({"time": TIME, **columns}, source or stands(), "GROUP BY time", "ORDER BY time")


def over_time_by(word: str, figures: dict[str, str], largest: int = 10) -> str:
    """Figures by bucket of time and word: the dearest words, and all others as one."""
    ranked = f"SELECT {word} {stands()}\n    GROUP BY {word} ORDER BY {EXACT_SPEND} DESC, {word} LIMIT {largest}"
    series = f"if({word} IN (\n    {ranked}\n    ), {told(word)}, 'all others')"
    columns = {"time": TIME, "series": series, **figures}
    return select(columns, stands(), "GROUP BY time, series", "ORDER BY time, series")


def heading(column: str) -> str:
    """A column's name at the head of a table. Not the column's own: an alias would be read for it in WHERE."""
    return column.removesuffix("_id").replace("_", " ").capitalize()


def ranked(words: list[str], figures: dict[str, str], limit: int = 50, by: str = "Spend") -> str:
    """The groups of some words with their figures, the largest first."""
    columns = {**{heading(word): told(word) for word in words}, **figures}
    keys = ", ".join(f"`{heading(word)}`" for word in words)
    order = f"ORDER BY `{by}` DESC NULLS LAST, {keys}"
    return select(columns, stands(), f"GROUP BY {keys}", order, f"LIMIT {limit}")
