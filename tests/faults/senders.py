"""Senders that keep sending a call until it is answered, and write down what was: the oracle of the process tests."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

from faults.table import Line
from support.commands import answer
from support.otlp import NOON_NS, chat, request, span

PROTOBUF = {"content-type": "application/x-protobuf"}
_ANSWER_SECONDS = 10.0


def input_tokens(number: int) -> int:
    """What call `number` used."""
    return 100 + number % 50


def body(number: int) -> bytes:
    """A request with one call."""
    told = chat(gen_ai__response__id=f"call-{number}", gen_ai__usage__input_tokens=input_tokens(number))
    start_ns = NOON_NS + number * 10**6
    return request(span(told, span_id=number, trace_id=number, start_ns=start_ns, end_ns=start_ns + 10**6))


class Senders:
    """Threads that send calls over HTTP. A call that was not answered is sent again, to the next server."""

    def __init__(self, threads: int) -> None:
        self._numbers = count(1)
        self._turn = threading.Lock()
        self._waiting: list[int] = []
        self._threads = threads
        self.answered: set[int] = set()
        self.sent: set[int] = set()

    def send_to(self, address: str, until: threading.Event) -> list[threading.Thread]:
        """Start sending to a server; each thread ends at the first failure, or when it is told."""
        threads = [threading.Thread(target=self._send, args=(address, until)) for _ in range(self._threads)]
        for thread in threads:
            thread.start()
        return threads

    def finish(self, address: str) -> None:
        """Send what is still unanswered."""
        with self._turn:
            rest, self._waiting = self._waiting, []
        connection = HTTPConnection(address, timeout=_ANSWER_SECONDS)
        for number in rest:
            assert self._send_one(connection, number), "a healthy server does not answer"
        connection.close()

    def _send(self, address: str, until: threading.Event) -> None:
        connection = HTTPConnection(address, timeout=_ANSWER_SECONDS)
        while not until.is_set():
            with self._turn:
                number = self._waiting.pop() if self._waiting else next(self._numbers)
                self.sent.add(number)
            accepted = False
            with suppress(OSError, HTTPException):
                accepted = self._send_one(connection, number)
            if not accepted:
                with self._turn:
                    self._waiting.append(number)
                break
        connection.close()

    def _send_one(self, connection: HTTPConnection, number: int) -> bool:
        connection.request("POST", "/v1/traces", body(number), PROTOBUF)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            return False
        with self._turn:
            self.answered.add(number)
        return True


def booked(store: Path) -> Mapping[int, tuple[int, int]]:
    """The ledger's calls: number → requests and input tokens, summed."""
    rows = answer(
        "sql",
        "--store",
        store,
        "SELECT response_id, sum(requests) AS requests, sum(input_tokens) AS tokens FROM ledger_events FINAL"
        " GROUP BY response_id",
    )
    return {int(row["response_id"].removeprefix("call-")): (int(row["requests"]), int(row["tokens"])) for row in rows}


def compare(line: Line, senders: Senders, found: Mapping[int, tuple[int, int]]) -> None:
    """What was answered is booked, once and with its tokens; and nothing else but what was sent."""
    for number in sorted(senders.answered - found.keys()):
        line.blame(f"lost: call {number}")
    for number, (requests, tokens) in found.items():
        if requests != 1 or tokens != input_tokens(number):
            line.blame(f"doubled: call {number} is booked {requests} times with {tokens} tokens")
    for number in sorted(found.keys() - senders.sent):
        line.blame(f"call {number} was never sent")
    line.note = f"{len(senders.answered)} calls answered"
