"""The dashboards as code: `make dashboards` writes grafana/dashboards/*.json from them; nobody edits those by hand.

One file a dashboard, over the SQL that panels share (`sql`) and one function for each kind of panel (`panels`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from boards import chains, finops, health, models, tenant

FOLDER: Final = Path(__file__).parent.parent / "dashboards"

_BOARDS: Final = {
    "overview": finops.board,
    "tenant": tenant.board,
    "chains": chains.board,
    "models": models.board,
    "health": health.board,
}


def files() -> Mapping[str, str]:
    """The text of each dashboard's file, by its name."""
    return {f"{name}.json": written(board()) for name, board in _BOARDS.items()}


def written(board: object) -> str:
    """A dashboard as Grafana reads it, one line a value, so that a change shows as what it is."""
    return json.dumps(board, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"
