"""Persons renamed on every way in, from the setting to the ledger, and nowhere on the disk by their names."""

import asyncio
from pathlib import Path
from typing import Final

from support.otlp import chat, request, span
from support.sdk import ended_span

from spanledger.exporter.credential import Credential
from spanledger.exporter.inprocess.destination import open_recorder
from spanledger.exporter.journal import Signal
from spanledger.exporter.pipeline import open_pipeline
from spanledger.exporter.settings import load
from spanledger.schemas import attributes as a

BOB: Final = "bob@example.com"
BODY: Final = request(span(chat(user__id=BOB, ledger__tenant="acme", gen_ai__response__id="r-1")))
USERS: Final = "SELECT user_id, sum(requests) FROM ledger_events FINAL GROUP BY user_id"


def test_a_user_has_one_pseudonym_whichever_way_a_call_comes(own_engine: Path, tmp_path: Path) -> None:
    """Over OTLP, again, and from inside an application: one user, two calls, and a name that stands in no file."""
    key = tmp_path / "key"
    key.write_text("0123456789abcdef" * 4)
    key.chmod(0o600)
    settings = load({"SPANLEDGER_STORE": str(own_engine), "SPANLEDGER_PSEUDONYM_KEY_FILE": str(key)})
    recorder = open_recorder(settings)
    assert recorder is not None
    stated = {**chat(gen_ai__response__id="r-2"), a.USER_ID: BOB, a.LEDGER_TENANT: "acme"}
    recorder.offer(ended_span({name: str(value) for name, value in stated.items()}))
    recorder.close()
    pipeline = open_pipeline(settings)
    try:
        for _ in range(2):
            asyncio.run(pipeline.intake(Signal.TRACES, BODY, Credential("*", "home")))
        pipeline.post(close_window=True)
        [(user, requests)] = pipeline.store.query(USERS)
        assert (str(user)[:2], len(str(user)), requests) == ("p:", 34, 2)
        claims = str(pipeline.store.query("SELECT * FROM ledger_claims"))
    finally:
        pipeline.close()
    assert BOB not in claims
    files = [path for path in own_engine.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if BOB.encode() in path.read_bytes()] == []
