"""Whom work is for: said once, carried wherever the work goes, stamped on every span that starts.

fields.py       names and values as a caller gives them → attributes
block.py        `attribution(…)`: a block, and a decorator of anything that can be called
kinds.py        what kind of function a callable is, and what it gave back that has not run yet
stepping.py     generators: attributed while they run, not while their consumer does
applied.py      a context made current, and taken off again
threads.py      threads, timers, thread pools: what is started for somebody stays for them
processes.py    the same for processes and their pools
celery.py       the same through a Celery broker
flushing.py     what a child of either used is durable before it can be killed
importing.py    told when a library is imported
installing.py   puts these and the guard in place when something is attributed
naming.py       attributes in messages → fields
trust.py        which peers are believed, which hosts are told
guard.py        W3C baggage: `ledger.*` enters from the former and leaves to the latter only
redirects.py    the same where a client sends a request on by itself
processor.py    stamps spans where no ledger processor does
failing.py      our own failures: counted, told once, never the application's
"""

from spanledger.instrumentation.attributing.block import attribution
from spanledger.instrumentation.attributing.installing import install
from spanledger.instrumentation.attributing.processor import AttributionSpanProcessor

__all__ = ["AttributionSpanProcessor", "attribution", "install"]
