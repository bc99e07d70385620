"""A model world of the checkpoint protocol: one live worker, zombies, and a broker that keeps all.

The worker may be killed at any step; zombies finish their writes later; deliveries are dropped,
positions sought back, the state topic compacted.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from detectors.errors import StateError
from streams.kafka.records import FetchSpan
from streams.state.partition_state import Dump
from streams.state.phases import Checkpoint, Phase, Write
from streams.state.positions import OffsetGapError
from streams.state.protocol import StateStore
from streams.state.store import SavedRecord

PARTITIONS = 2
INSTITUTIONS = "abc"
Draw = Callable[[int], int]
Alert = tuple[int, str, str, str]


class Toy:
    """A hash chain that shows one lost, doubled or swapped event, with a part of its own."""

    def __init__(self, *, count: int = 0, chain: str = "", part: str = "") -> None:
        """Start at nothing."""
        self.count, self.chain, self.part = count, chain, part

    def learn(self, event: str, context: bytes) -> bool:
        """Fold the event in; return whether it alerts."""
        self.count += 1
        text = f"{self.chain}{event}{context.decode()}"
        self.chain = hashlib.sha256(text.encode()).hexdigest()[:12]
        if self.count % 3 == 0:
            self.part = self.chain
        return self.chain[0] in "0123"

    @property
    def whole(self) -> tuple[int, str, str]:
        """Everything, for comparison."""
        return self.count, self.chain, self.part


class ToyCore:
    """Toy profiles: main names its one part by version; without that part it will not load."""

    def open(self, institution: str) -> Toy:
        """Return an empty profile."""
        del institution
        return Toy()

    def dump(self, profile: Toy, *, known: frozenset[str]) -> Dump:
        """Return main and part."""
        version = profile.count // 3
        parts = {f"held@{version}": profile.part.encode()} if version else {}
        main = json.dumps([profile.count, profile.chain]).encode()
        new_parts = {name: raw for name, raw in parts.items() if name not in known}
        return Dump(main, frozenset(parts), new_parts)

    def load(self, main: bytes, parts: Mapping[str, bytes], *, institution: str) -> Toy:
        """Return the profile, or refuse where its part is missing."""
        del institution
        count, chain = json.loads(main)
        name = f"held@{count // 3}"
        if count >= 3 and name not in parts:
            raise StateError(name)
        return Toy(count=count, chain=chain, part=parts[name].decode() if count >= 3 else "")


class Record(NamedTuple):
    """One record of the input; no institution means a control record."""

    institution: str
    event: str


class Broker:
    """What survives everything: the input, the state topic, the commits, the alerts."""

    def __init__(self) -> None:
        """Start with a partition record and a commit for each partition, as a first start does."""
        self.log: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        self.state = [[Write(p, b"\x00\x03", SavedRecord(0, b""))] for p in range(PARTITIONS)]
        self.committed = [0] * PARTITIONS
        self.alerts: set[Alert] = set()
        self.generation = 0

    def compact(self) -> None:
        """Keep the last record of each key."""
        for partition, writes in enumerate(self.state):
            last = {write.key: write for write in writes}
            self.state[partition] = [w for w in writes if last[w.key] is w and w.saved]


class Worker:
    """One incarnation: what it judged, and the checkpoint that it is carrying out."""

    def __init__(self, broker: Broker, state_store: StateStore[Toy, Alert]) -> None:
        """Recover from the state topic."""
        self.broker, self.state_store = broker, state_store
        broker.generation += 1
        self.generation = broker.generation
        self.at = list(broker.committed)
        self.steps: list[tuple[Phase, object]] = []
        self.checkpoint: Checkpoint[Alert] | None = None
        for write in (write for writes in broker.state for write in writes):
            state_store.saved([write])

    def deliver(self, partition: int, count: int) -> None:
        """Judge the next batch of a partition."""
        start = self.at[partition]
        batch = self.broker.log[partition][start : start + count]
        self.at[partition] = start + len(batch)
        if not batch:
            return
        state_store = self.state_store.partition(partition)
        new_from = state_store.new_from(FetchSpan(start, start + len(batch)))
        for offset, record in enumerate(batch, start):
            if offset < new_from:
                continue
            if not record.institution:
                state_store.context = record.event.encode()
            elif (profile := state_store.profile(record.institution, offset)) is not None:
                if profile.learn(record.event, state_store.context):
                    self.state_store.sent((partition, *record, profile.chain))
                state_store.applied(record.institution, offset)
        state_store.advance(start + len(batch))

    def begin(self, rewrite_count: int) -> None:
        """Take a checkpoint; its steps are carried out later, one by one."""
        if self.steps:
            return
        self.checkpoint = point = self.state_store.begin_checkpoint(rewrite_count=rewrite_count)
        for phase in self.state_store.order:
            items: list[object] = list(point.writes[phase])
            if phase is Phase.OUTPUTS:
                items = list(point.outputs)
            elif phase is Phase.COMMIT:
                items = list(point.commits.items())
            self.steps += [(phase, item) for item in items]

    def carry_on(self, count: int) -> None:
        """Carry out the next steps of the checkpoint."""
        for _ in range(min(count, len(self.steps))):
            phase, item = self.steps.pop(0)
            self._carry_out(phase, item)

    def _carry_out(self, phase: Phase, item: object) -> None:
        if phase is Phase.OUTPUTS:
            assert isinstance(item, tuple)
            self.broker.alerts.add(item)
        elif isinstance(item, Write):
            self.broker.state[item.partition].append(item)  # nothing fences a zombie's write
            self.state_store.saved([item])
        elif self.generation == self.broker.generation:  # but a commit is fenced
            assert isinstance(item, tuple)
            self.broker.committed[item[0]] = item[1]

    def rebalance(self) -> None:
        """Lose and regain everything: a rebalance is a restart."""
        self.state_store.drop()
        if self.checkpoint is not None and not self.state_store.holds(self.checkpoint):
            self.steps.clear()
        self.at = list(self.broker.committed)


class World:
    """The broker, the live worker, and those that should be dead but are not."""

    def __init__(self, draw: Draw, store_type: type[StateStore[Toy, Alert]]) -> None:
        """Start one worker."""
        self.draw, self.store_type = draw, store_type
        self.broker = Broker()
        self.zombies: list[Worker] = []
        self.events = 0
        self.restart()

    def restart(self) -> None:
        """Start a new incarnation."""
        self.worker = Worker(self.broker, self.store_type(ToyCore()))

    def step(self) -> None:
        """Let one thing happen."""
        moves = {
            self.produce: 4, self.deliver: 8, self.begin: 3, self.carry_on: 6, self.kill: 1,
            self.sleep: 2, self.load_idle: 2, self.lose: 1, self.seek_back: 1, self.compact: 1,
        }  # fmt: skip
        picked = self.draw(sum(moves.values()))
        for move, weight in moves.items():
            if picked < weight:
                return move()
            picked -= weight
        return None

    def produce(self) -> None:
        """Append to the log; now and then a control record."""
        for _ in range(1 + self.draw(4)):
            self.events += 1
            name = "" if self.draw(12) == 0 else INSTITUTIONS[self.draw(len(INSTITUTIONS))]
            self.broker.log[self.draw(PARTITIONS)].append(Record(name, f"e{self.events}"))

    def deliver(self) -> None:
        """Judge a batch; a gap ends the worker."""
        try:
            self.worker.deliver(self.draw(PARTITIONS), 1 + self.draw(5))
        except OffsetGapError:
            self.restart()

    def begin(self) -> None:
        """Begin a checkpoint."""
        self.worker.begin(self.draw(2))

    def carry_on(self) -> None:
        """Let the checkpoint get on."""
        self.worker.carry_on(1 + self.draw(8))

    def kill(self) -> None:
        """End the worker at once."""
        self.restart()

    def sleep(self) -> None:
        """Freeze the worker in its checkpoint; another takes over."""
        self.zombies.append(self.worker)
        self.restart()

    def load_idle(self) -> None:
        """Let a frozen worker finish some of what it had begun."""
        if self.zombies:
            zombie = self.zombies[self.draw(len(self.zombies))]
            zombie.carry_on(1 + self.draw(8))

    def lose(self) -> None:
        """Drop fetched records, as Faust does around a rebalance."""
        partition = self.draw(PARTITIONS)
        end = len(self.broker.log[partition])
        self.worker.at[partition] = min(end, self.worker.at[partition] + 1 + self.draw(3))

    def seek_back(self) -> None:
        """Rebalance onto the same worker."""
        self.worker.rebalance()

    def compact(self) -> None:
        """Compact, as late as the topic's lag allows: zombies dead, all states rewritten."""
        self.zombies.clear()
        self.restart()
        self.worker.begin(rewrite_count=1000)
        self.worker.carry_on(len(self.worker.steps))
        self.broker.compact()

    def settle(self) -> None:
        """Let every zombie finish, judge everything, and make it durable."""
        for zombie in self.zombies:
            zombie.carry_on(len(zombie.steps))
        self.restart()
        for _ in range(9):
            try:
                for partition in range(PARTITIONS):
                    self.worker.deliver(partition, len(self.broker.log[partition]))
                break
            except OffsetGapError:
                self.restart()
        self.worker.begin(0)
        self.worker.carry_on(len(self.worker.steps))


def check(world: World) -> None:
    """Compare what survived with a plain walk over the log."""
    states: dict[tuple[int, str], Toy] = {}
    alerts: set[Alert] = set()
    for partition, log in enumerate(world.broker.log):
        context = b""
        for record in log:
            if not record.institution:
                context = record.event.encode()
                continue
            toy = states.setdefault((partition, record.institution), Toy())
            if toy.learn(record.event, context):
                alerts.add((partition, *record, toy.chain))
    fresh = Worker(world.broker, world.store_type(ToyCore()))
    for (partition, institution), expected in states.items():
        profile = fresh.state_store.partition(partition).profile(institution, 10**9)
        assert profile is not None
        assert expected.whole == profile.whole
    assert alerts == world.broker.alerts


def play(draw: Draw, store_type: type[StateStore[Toy, Alert]], steps: int) -> None:
    """Play one history and check its end."""
    world = World(draw, store_type)
    for _ in range(steps):
        world.step()
    world.settle()
    check(world)
