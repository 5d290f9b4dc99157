"""Which settings a client may choose, and how far: how an answer is written and read, and bounds made tighter. Pure.

Whatever is not named here is refused, also what a later engine brings: some settings write files or lift bounds.
"""

import os
from collections.abc import Mapping
from typing import Final

from spanledger.exporter.store.store import EVERYBODY, USER_SETTINGS
from spanledger.ledger.clickhouse_http.errors import AskedWronglyError

RESULT_BYTES_MAX: Final = 128 * 1024 * 1024
"""An answer is made whole before it is sent: an error comes as one, and a slow client holds no thread."""

_MEMORY_BYTES_MAX: Final = 2 * 1024**3
"""Half of what a person's own SQL may take: a dashboard asks many things at once."""

BOUNDS: Final[Mapping[str, int]] = {
    **{name: value for name, value in USER_SETTINGS.items() if isinstance(value, int) and name != "readonly"},
    "max_result_bytes": RESULT_BYTES_MAX,
    "max_memory_usage": _MEMORY_BYTES_MAX,
    "max_threads": os.cpu_count() or 1,
}
"""What a statement may cost at most."""

_TIGHTER: Final = (*BOUNDS, "max_rows_to_read", "max_bytes_to_read")
"""A client's own bounds; one that is looser than ours, or 0 (none), is ours."""

_FREE: Final = frozenset(
    {
        "aggregate_functions_null_for_empty",
        "bool_false_representation",
        "bool_true_representation",
        "cast_keep_nullable",
        "cast_string_to_dynamic_use_inference",
        "date_time_input_format",
        "date_time_output_format",
        "enable_analyzer",
        "extremes",
        "final",
        "format_csv_delimiter",
        "format_csv_null_representation",
        "format_tsv_null_representation",
        "group_by_use_nulls",
        "join_use_nulls",
        "limit",
        "max_block_size",
        "offset",
        "output_format_arrow_compression_method",
        "output_format_arrow_low_cardinality_as_dictionary",
        "output_format_arrow_string_as_string",
        "output_format_binary_write_json_as_string",
        "output_format_csv_crlf_end_of_line",
        "output_format_decimal_trailing_zeros",
        "output_format_json_array_of_rows",
        "output_format_json_escape_forward_slashes",
        "output_format_json_named_tuples_as_objects",
        "output_format_json_quote_64bit_floats",
        "output_format_json_quote_64bit_integers",
        "output_format_json_quote_decimals",
        "output_format_json_quote_denormals",
        "output_format_native_write_json_as_string",
        "output_format_parquet_compression_method",
        "output_format_parquet_string_as_string",
        "output_format_pretty_color",
        "output_format_pretty_max_rows",
        "output_format_tsv_crlf_end_of_line",
        "output_format_write_statistics",
        "prefer_column_name_to_alias",
        "session_timezone",
        "transform_null_in",
        "union_default_mode",
    }
)

_LEFT_OUT: Final = frozenset(
    {
        "add_http_cors_header",
        "async_insert",
        "cancel_http_readonly_queries_on_client_close",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_response_buffer_size",
        "http_write_exception_in_output_format",
        "http_zlib_compression_level",
        "insert_deduplicate",
        "log_comment",
        "network_compression_method",
        "network_zstd_compression_level",
        "send_progress_in_http_headers",
        "wait_for_async_insert",
    }
)
"""What clients send and what changes no answer here."""


def chosen(asked: Mapping[str, str]) -> dict[str, str]:
    """The settings of a statement: the client's within what it may choose, and every bound.

    Raises `AskedWronglyError`.
    """
    settings = {name: str(value) for name, value in (EVERYBODY | BOUNDS).items()} | {"result_overflow_mode": "throw"}
    for name, value in asked.items():
        if len(value) > _VALUE_CHARS_MAX:
            msg = f"the value of {name[:_SHOWN_CHARS_MAX]!r} is longer than {_VALUE_CHARS_MAX} characters"
            raise AskedWronglyError(36, "BAD_ARGUMENTS", msg)
        if name in _TIGHTER:
            settings[name] = _tighter(name, value)
        elif name in _FREE or (name == "result_overflow_mode" and value in {"break", "throw"}):
            settings[name] = value
        elif not (name in _LEFT_OUT or (name == "readonly" and value in {"1", "2"})):
            msg = f"the setting {name[:_SHOWN_CHARS_MAX]!r} cannot be chosen here: the store is open to read, bounded"
            raise AskedWronglyError(164, "READONLY", msg)
    return settings


_SHOWN_CHARS_MAX: Final = 100
_VALUE_CHARS_MAX: Final = 100
"""Sessions and connections keep settings, many of each."""


def _tighter(name: str, value: str) -> str:
    # A part of a second may be none to the engine, and none is without limit.
    if not (value.isascii() and value.isdigit()):
        msg = f"{name} takes a whole number, and {value[:_SHOWN_CHARS_MAX]!r} is none"
        raise AskedWronglyError(36, "BAD_ARGUMENTS", msg)
    bound = BOUNDS.get(name)
    if bound is None:
        return value
    return str(bound) if not 0 < int(value) < bound else value
