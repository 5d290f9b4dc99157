"""OTLP files into the journal: find them, tell their signal, cut them into requests, take them in."""
