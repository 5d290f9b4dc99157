"""Settled charges → rows of the ledger, and what the ledger remembers → settlement."""
