"""A process that reserves and settles over HTTP as fast as it can: API address, key, how often, amount.

It says `ready`, waits for a line, and then says `granted ID` for each reservation that it was given, and `denied` for
each that it was not. While the server is away it asks again: what it was promised it settles in the end.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import IO, Any

AWAY_S_MAX = 60.0


@dataclass
class Workers:
    """Processes that were told to begin, and all that they say."""

    processes: Sequence[subprocess.Popen[str]]
    said: IO[str]


@contextmanager
def workers(count: int, times: int, api: str, key: str, amount: str) -> Generator[Workers]:
    """So many processes that ask so many times together, begun at once."""
    reading, writing = os.pipe()
    shares = [times // count + (place < times % count) for place in range(count)]
    with os.fdopen(reading) as said:
        processes = [
            subprocess.Popen(
                [sys.executable, __file__, api, key, str(share), amount],
                stdin=subprocess.PIPE,
                stdout=writing,
                text=True,
            )
            for share in shares
        ]
        os.close(writing)
        try:
            for _ in processes:
                assert said.readline() == "ready\n"
            for process in processes:
                assert process.stdin is not None
                process.stdin.close()
            yield Workers(processes, said)
        finally:
            for process in processes:
                process.kill()
                process.wait()
                if process.stdin:
                    process.stdin.close()


class Asker:
    """One connection, made anew when it breaks."""

    def __init__(self, api: str, key: str) -> None:
        self._api = api
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._connection = HTTPConnection(api, timeout=AWAY_S_MAX)

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def ask(self, path: str, body: Mapping[str, object] | None, method: str = "POST") -> tuple[int, dict[str, Any]]:
        """The answer of a server that is there, now or in a while."""
        until = time.monotonic() + AWAY_S_MAX
        while True:
            try:
                self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
                answer = self._connection.getresponse()
                status, told = answer.status, json.loads(answer.read())
            except (OSError, HTTPException):
                self._connection.close()
                status, told = 503, dict[str, Any]()
            if status != 503 or time.monotonic() > until:
                return status, told
            time.sleep(0.1)


def _say(line: str) -> None:
    """In one piece: the pipe is everybody's."""
    os.write(1, f"{line}\n".encode())


def _work(api: str, key: str, times: str, amount: str) -> None:
    asker = Asker(api, key)
    _say("ready")
    sys.stdin.readline()
    for _ in range(int(times)):
        status, told = asker.ask("/v1/reservations", {"call": {"tenant": "acme", "team": "search"}, "amount": amount})
        if status == 200:
            _say(f"granted {told['reservation_id']}")
            status, told = asker.ask(f"/v1/reservations/{told['reservation_id']}/settle", {"amount": amount})
            assert status == 200, told
        else:
            assert (status, told["error"]) == (402, "BudgetExceededError"), told
            _say("denied")


if __name__ == "__main__":
    _work(*sys.argv[1:])
