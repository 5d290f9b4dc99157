"""Alerts: what a ledger should tell of itself, to whom, and how it gets there.

`rules` are pure; `telling` decides, purely, what is news; `outbox` keeps it until it is delivered; `courier` delivers.
"""
