"""How much of the corpus becomes the right charges, beside two simple rules: tests/corpus through the real pipeline.

Nothing is timed. Options are the scorer's: `--markdown`, `--details`, `--strict`.
"""

import asyncio
import csv
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from spanledger.exporter.settings import Settings
from spanledger.ledger.access.local import LocalAccess
from spanledger.ledger.importing.loading import load
from spanledger.ledger.importing.running import FLUSH_SECONDS_MAX, credential_of
from spanledger.ledger.tables import Table

CORPUS: Final = Path(__file__).parent.parent / "tests" / "corpus"
SIGNALS: Final = (".pb", ".logs.pb")
"""What is imported: metrics are never charged."""

CHARGES: Final = """
SELECT
    tenant AS scenario, response_id, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, usage_source, quality
FROM charges
LEFT JOIN (
    WITH 'cache_write_5m_tokens' AS m5, 'cache_write_1h_tokens' AS h1
    SELECT
        tenant, charge_id,
        maxOrNullIf(usage[m5], mapContains(usage, m5)) AS cache_write_5m_tokens,
        maxOrNullIf(usage[h1], mapContains(usage, h1)) AS cache_write_1h_tokens
    FROM claims
    WHERE role != 'rollup'
    GROUP BY tenant, charge_id
) AS evidence USING (tenant, charge_id)
ORDER BY tenant, event_time, event_id
"""
"""The charges as the scorer reads them. No column says how long cache writes live, so that is asked of the claims."""


def main(options: Sequence[str]) -> int:
    """Import every scenario for a tenant of its name, write the charges as a CSV, and score it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        charges = folder / "spanledger.csv"
        with charges.open("w", newline="") as file:
            found = _charged(folder / "store")
            csv.writer(file).writerows([found.columns, *found.rows])
        subprocess.run([sys.executable, str(CORPUS / "baselines.py"), name], check=True)
        files = [charges, folder / "every_span.csv", folder / "no_agents.csv"]
        command = [sys.executable, str(CORPUS / "score.py"), *map(str, files), *options]
        return subprocess.run(command, check=False).returncode


def _charged(store: Path) -> Table:
    """The charges of a new ledger that has read the whole corpus."""
    settings = Settings(store=str(store), data=store / "journal")
    access = LocalAccess.open(settings)
    try:
        for scenario in _scenarios():
            paths = [path for signal in SIGNALS if (path := CORPUS / f"{scenario}{signal}").exists()]
            loaded = asyncio.run(load(access.pipeline.intake, credential_of(settings, scenario), paths, _unheard))
            assert not loaded.failures, (scenario, loaded.failures)
            assert not loaded.rejected, (scenario, loaded.reasons)
        assert access.pipeline.writer.flush(FLUSH_SECONDS_MAX)
        access.post(close_window=True)
        return access.query(CHARGES)
    finally:
        access.close()


def _scenarios() -> list[str]:
    truths = sorted(CORPUS.glob("*/*.truth.json"))
    return [str(path.relative_to(CORPUS)).removesuffix(".truth.json") for path in truths]


def _unheard(_bytes: int) -> None:
    """Nobody watches the progress."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
