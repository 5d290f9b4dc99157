"""The programs under `examples/`, built here and now, told to a running `spanledger serve`: `make languages`."""

from pathlib import Path

import pytest
from support.commands import answer, serving
from support.languages import PROTOCOLS, TOLD, prepared

BOOKED = [("chat", 1, 1200, 300, "0.00575"), ("speak", 1, None, None, None)]


@pytest.mark.languages
@pytest.mark.timeout(600)
def test_every_program_is_in_the_report(tmp_path: Path) -> None:
    """Each language by each protocol is a tenant of its own, with the same call and the same work."""
    programs = {language: prepared(language, tmp_path) for language in PROTOCOLS}
    with serving(tmp_path / "store") as server:
        for language, protocol in TOLD:
            door = server.grpc if protocol == "grpc" else server.http
            programs[language].run(protocol, f"http://{door}", f"{language} {protocol}")
        rows = answer("report", "--store", tmp_path / "store", "--by", "tenant,operation")
    columns = ("operation", "requests", "input_tokens", "output_tokens", "cost")
    booked: dict[str, list[tuple[object, ...]]] = {}
    for row in sorted(rows, key=lambda row: row["operation"]):
        booked.setdefault(row["tenant"], []).append(tuple(row[name] for name in columns))
    assert booked == {f"{language} {protocol}": BOOKED for language, protocol in TOLD}
