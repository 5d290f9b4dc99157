"""What people do with prices: list, show and compare them, add and import entries, rate the ledger again."""
