"""`python -m spanledger.schemas > ledger_event.schema.json` renews the JSON schema after `LedgerEvent` changed."""

import sys

from spanledger.schemas.json_schema import rendered

sys.stdout.write(rendered())
