"""`python -m spanledger.ledger.cli`: the command without its entry point."""

import sys

from spanledger.ledger.cli import main

sys.exit(main())
