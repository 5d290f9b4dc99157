"""A world: two processes, senders, a network, a clock, a disk and a store, every choice of which follows from one seed.

Each seed switches some faults on, then all off: from then on everything must be answered and posted. What was answered
with OK is at every moment in the journal or in the ledger, and in the end in the ledger, once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from simulation.calls import Message, input_tokens, messages
from simulation.disk import Killed, SimDisk, Weather
from simulation.files import Files
from simulation.process import ROOT, Process
from simulation.tables import Database, SimTables, Troubles

from spanledger.exporter.journal import JournalCorrupt, Shard, shards
from spanledger.exporter.journal.layout import shard_folders
from spanledger.exporter.settle import Ruling
from spanledger.schemas import StoreUnavailableError

STEPS = 60
ROUNDS_MAX = 40
"""How long everything may take once nothing fails any more."""
HOUR_NS = 3_600 * 10**9
START_NS = 1_800_000_000 * 10**9
UNLIMITED_BYTES = 10**9
SCARCE_BYTES = 10 * 4096


class Violation(AssertionError):
    """The promise was broken."""


class _Unguarded(Shard):
    """A shard read to its valid end although its writer lives, as if it were dead."""

    @property
    def abandoned(self) -> bool:
        """As if."""
        return True


class World:
    """Everything there is. `run` lives its life."""

    def __init__(self, seed: int, *, told_once: bool = False, surely: Sequence[str] = ()) -> None:
        """Made by a seed. `told_once`: no call is told of by two spans, so that nothing is ever corrected.

        `surely` names rare actions that happen in this world whatever the seed says.
        """
        self.chance = chance = Random(seed)
        self.files = Files()
        self._calm = SimDisk(self.files, Weather(Random(0)))
        self._calm.mkdir(Path("/data"))
        self.files.top.sync()
        self.weather = Weather(chance)
        self.troubles = Troubles(chance)
        self.database = Database(self._witness)
        self._now_ns = START_NS
        known = [each for each in messages() if not (told_once and each.second)]
        self._unanswered = set(chance.sample(range(len(known)), chance.randint(5, 25)))
        self._messages = known
        self._sent = {each.payload for each in known}
        self.answered: set[int] = set()
        self._late: list[int] = []
        self._swarm(surely)
        self._processes = [self._started(0), self._started(1)]

    def run(self) -> None:
        """Live with faults, then without. Raises `Violation`."""
        for _ in range(STEPS):
            self._step()
        self._be_well()
        for _ in range(ROUNDS_MAX):
            if self._round():
                break
        else:
            msg = f"{len(self._unanswered)} messages or their postings did not get through although nothing fails"
            raise Violation(msg)
        self._check_end()

    # What goes wrong in this world.

    def _swarm(self, surely: Sequence[str]) -> None:
        chance = self.chance

        def some(most: float) -> float:
            return chance.random() * most if chance.random() < 0.5 else 0.0

        weather, troubles = self.weather, self.troubles
        weather.death, weather.sync_error, weather.write_error = some(0.01), some(0.02), some(0.005)
        weather.full_for_all = chance.random() < 0.5
        troubles.death, troubles.lost_reply, troubles.partial = some(0.03), some(0.2), some(0.2)
        troubles.forgets_acknowledged = some(0.3)
        self._lossy = some(0.4)
        self._flips = some(0.5)
        self._jumps = chance.random() < 0.3
        self._apart = chance.random() < 0.3
        """Whether the store is on a machine of its own, whose power stays."""
        self._quota_bytes = SCARCE_BYTES if chance.random() < 0.3 else UNLIMITED_BYTES
        self._actions = ["send"] * 6 + ["commit"] * 5 + ["post"] * 3 + ["tick", "late"]
        rare = ["kill", "kill", "power", "fill", "away"]
        self._actions += [*surely, *(action for action in rare if chance.random() < 0.5)]

    def _be_well(self) -> None:
        weather, troubles = self.weather, self.troubles
        weather.death = weather.sync_error = weather.write_error = 0.0
        weather.full = troubles.down = False
        troubles.death = troubles.lost_reply = troubles.partial = troubles.forgets_acknowledged = 0.0
        self._lossy = 0.0

    # One thing happens.

    def _step(self) -> None:
        action = self.chance.choice(self._actions)
        process = self.chance.choice(self._processes)
        if action == "send" and self._unanswered:
            self._send(self.chance.choice(sorted(self._unanswered)), process)
        elif action == "commit":
            self._commit(process)
        elif action == "post":
            self._post()
        elif action == "late" and self._late:
            process.receive(self._messages[self._late.pop()])
        elif action == "kill":
            self._replace(self._processes.index(process))
        elif action == "power":
            self._lose_power()
        elif action == "fill":
            self.weather.full = not self.weather.full
        elif action == "away":
            self.troubles.down = not self.troubles.down
        else:
            self._tick()

    def _tick(self) -> None:
        self._now_ns += self.chance.randint(0, 5 * 10**9)
        if self._jumps and self.chance.random() < 0.3:
            self._now_ns += self.chance.choice((-1, 1)) * self.chance.choice((HOUR_NS, 24 * 365 * HOUR_NS))

    def _send(self, number: int, process: Process) -> None:
        """Over a network that may lose, repeat and delay."""
        if self.chance.random() < self._lossy:
            return
        process.receive(self._messages[number])
        if self.chance.random() < self._lossy:
            self._late.append(number)

    def _commit(self, process: Process) -> None:
        try:
            process.committer.pump()
        except Killed:
            self._replace(self._processes.index(process))
            return
        for message, accepted in process.answers():
            if accepted and self.chance.random() >= self._lossy:
                number = self._messages.index(message)
                self.answered.add(number)
                self._unanswered.discard(number)
        if process.committer.failed.is_set():
            # A server whose journal failed ends itself, and is started again.
            self._replace(self._processes.index(process))

    def _post(self) -> bool:
        """Whether everything that waits was posted."""
        poster = self._processes[0].poster
        assert poster is not None
        try:
            poster.post_waiting()
        except Killed:
            self._replace(0)
        except JournalCorrupt as error:
            msg = f"what a crash left is taken for damage: {error}"
            raise Violation(msg) from error
        except (StoreUnavailableError, OSError):
            return False
        else:
            return True
        return False

    def _started(self, number: int) -> Process:
        process = Process(
            SimDisk(self.files, self.weather), lambda: self._now_ns, self.chance.randbytes, self._quota_bytes
        )
        if number == 0:
            process.hold_store(SimTables(self.database, self.troubles))
        return process

    def _replace(self, number: int) -> None:
        """Kill -9, and another process in its place."""
        self._processes[number].disk.die()
        self._processes[number] = self._started(number)
        self._check()

    def _lose_power(self) -> None:
        for process in self._processes:
            process.disk.die()
        # One loss of power is mild, another takes all it can.
        most = self.chance.random()

        def survives(changes: int) -> int:
            return sum(self.chance.random() < most for _ in range(changes))

        self.files.lose_power(survives, lambda: self.chance.random() < self._flips)
        if not self._apart:
            self.database.lose_power(lambda: self.chance.random() < most)
        self._processes = [self._started(0), self._started(1)]
        self._check()

    def _round(self) -> bool:
        """Everybody does what they have to do: whether nothing is left to do."""
        for number in sorted(self._unanswered):
            self._send(number, self._processes[number % 2])
        for number in range(10 * len(self._processes)):
            self._commit(self._processes[number % 2])
        posted = self._post()
        return posted and not self._unanswered and not any(process.asked for process in self._processes)

    # What must hold.

    def _witness(self, ruling: Ruling) -> None:
        """What is posted is durable in the journal: what is not may vanish, and leave the ledger half corrected."""
        payload = next(each.payload for each in self._messages if each.span_id == ruling[0].claim.span_id)
        if not any(payload in file.durable for file in self.files.every_file()):
            msg = "something was posted that the disk does not have"
            raise Violation(msg)

    def _check(self) -> None:
        """What was answered with OK is durable in the journal, or in the ledger."""
        waiting: set[bytes] = set()
        for shard in (_Unguarded(folder, disk=self._calm) for folder in shard_folders(self._calm, ROOT)):
            try:
                records = list(shard.read())
            except JournalCorrupt as error:
                msg = f"what a crash left is taken for damage: {error}"
                raise Violation(msg) from error
            if [record.seq for record in records] != list(range(shard.posted + 1, shard.posted + 1 + len(records))):
                msg = "the numbers of a shard have a gap"
                raise Violation(msg)
            waiting |= {record.entry.payload for record in records}
        if waiting - self._sent:
            msg = "the journal holds what nobody sent"
            raise Violation(msg)
        claims = {standing.claim.span_id for standing, _, _ in self.database.claims.values()}
        charged = self._charged()
        # A correction takes back what it corrects first: between the two the call is in what waits.
        correcting = {message.tenant for message in self._messages if message.payload in waiting}
        for message in self._told():
            booked = message.span_id in claims and (charged[message.tenant] or message.tenant in correcting)
            if message.payload not in waiting and not booked:
                msg = f"lost: {message.tenant} was answered with OK and is neither in the journal nor in the ledger"
                raise Violation(msg)

    def _check_end(self) -> None:
        """In the ledger is what was answered, once, and nothing else but what was sent."""
        charged = self._charged()
        for tenant, requests in charged.items():
            if requests not in {0, 1}:
                msg = f"doubled: {tenant} is charged {requests} times"
                raise Violation(msg)
        used: Counter[str] = Counter()
        for event in self.database.events.values():
            used[event.tenant] += event.input_tokens or 0
        self._check()
        for message in self._told():
            if charged[message.tenant] != 1 or used[message.tenant] != input_tokens(message.tenant):
                msg = f"wrong: {message.tenant} {charged[message.tenant]} requests, {used[message.tenant]} tokens"
                raise Violation(msg)
        if self.database.aside or charged.keys() - {each.tenant for each in self._messages}:
            msg = "the ledger has what nobody sent"
            raise Violation(msg)
        for row in self.database.postings.values():
            if 2 * row.counts.get("accepted", 0) != sum(row.counts.values()):
                msg = f"the counts of a posting do not balance: {row.counts}"
                raise Violation(msg)
        if any(shard.pending_bytes for shard in shards(ROOT, disk=self._calm)):
            msg = "something waits although everything was posted"
            raise Violation(msg)

    def _charged(self) -> Counter[str]:
        charged: Counter[str] = Counter()
        for event in self.database.events.values():
            charged[event.tenant] += event.requests
        return charged

    def _told(self) -> Iterable[Message]:
        return (self._messages[number] for number in sorted(self.answered))
