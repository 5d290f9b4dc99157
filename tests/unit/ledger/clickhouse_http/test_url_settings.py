import pytest

from spanledger.exporter.store.store import USER_SETTINGS
from spanledger.ledger.clickhouse_http.errors import AskedWronglyError
from spanledger.ledger.clickhouse_http.url_settings import BOUNDS, chosen


def test_every_bound_of_a_persons_sql_holds() -> None:
    """Without a word of the client's, and tighter where many ask at once."""
    settings = chosen({})
    for name, value in USER_SETTINGS.items():
        if name in {"max_result_bytes", "max_memory_usage"}:
            assert int(settings[name]) < int(str(value))
        elif name != "readonly":
            assert settings[name] == str(value)


@pytest.mark.parametrize("name", [*BOUNDS])
def test_a_bound_is_made_tighter_and_never_looser(name: str) -> None:
    """Also by 0, which is without limit, and so is what the engine rounds to it."""
    ours = str(BOUNDS[name])
    assert chosen({name: "1"})[name] == "1"
    for looser in ("0", "00", f"{ours}0", "18446744073709551616", ours):
        assert chosen({name: looser})[name] == ours
    for nonsense in ("1e-9", "0.0000001", "0.5", "1e300", "inf", "-1", "nan", "", "1; SET", "1 OR 1", "9" * 5_000):
        with pytest.raises(AskedWronglyError) as refused:
            chosen({name: nonsense})
        assert refused.value.code == 36


def test_a_bound_that_we_have_none_of_is_the_clients() -> None:
    """It can only make a statement cheaper."""
    assert chosen({"max_rows_to_read": "10"})["max_rows_to_read"] == "10"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "allow_introspection_functions",
            "output_format_schema",
            "max_memory_usage_for_user",
            "format_schema",
            "role",
        ),
        *("s3_max_connections", "allow_ddl", "max_concurrent_queries_for_user", "use_query_cache", "no_such_setting"),
        *("timeout_overflow_mode", "log_queries", "send_logs_level", "readonly"),
    ],
)
def test_what_is_not_named_is_refused(name: str) -> None:
    """Whatever it is worth; `readonly` may only be what it is."""
    with pytest.raises(AskedWronglyError) as refused:
        chosen({name: "0"})
    assert refused.value.code == 164


def test_what_clients_always_send_is_taken() -> None:
    """It says how an answer is written, or nothing."""
    sent = {"readonly": "1", "send_progress_in_http_headers": "1", "enable_http_compression": "1"}
    assert chosen(sent) == chosen({})
    told = {"output_format_json_quote_64bit_integers": "1", "session_timezone": "Europe/Berlin", "join_use_nulls": "1"}
    assert chosen(told).items() >= told.items()
    assert chosen({"result_overflow_mode": "break"})["result_overflow_mode"] == "break"
    with pytest.raises(AskedWronglyError):
        chosen({"result_overflow_mode": "x"})


def test_what_sessions_keep_is_short() -> None:
    """A thousand of them with a megabyte in each setting would be the server's memory."""
    assert chosen({"format_csv_null_representation": "x" * 100})
    with pytest.raises(AskedWronglyError):
        chosen({"format_csv_null_representation": "x" * 101})
