"""Explicit work: what the application states itself. Nothing here raises, and nothing waits.

track.py       `track`, `atrack`: so many units of something, now
recording.py   `recording`, `arecording`: the same around a block
decorating.py  `@record`: the same around a function of any kind
wrapping.py    functions of any kind, watched from their begin to their end
promises.py    futures that such a function gives back, told of when they are there
calls.py       `LLMEvent`, `track_cost`: a call to a model as the application knows it
answers.py     `@track_llm`: the same, read from what a function returns
tracker.py     `get_tracker`, `configure`: the names of a predecessor
stating.py     what a caller states → attributes
sink.py        a finished statement → the ledger's processor of this process
"""
