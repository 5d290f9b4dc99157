"""Fifty example events: what they say (`calls`), and how they are sent (`sending`)."""
