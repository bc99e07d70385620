"""What the parts of a worker share: settings, the Faust app, the way out."""

from msgspec import Struct

from detectors.register import Register
from streams.faust_driver.app import HeadgateApp
from streams.faust_driver.group import FaustGroup
from streams.kafka.producer import Outbox
from streams.kafka.topics import ACCESS_EVENTS
from streams.settings.settings import Settings
from streams.state.envelope import StateKeys, keys_from_text
from streams.worker.committed_reader import CommittedReader, StartAt
from streams.worker.effect_sender import EffectSender
from streams.worker.ports import WorkerWatcher


def group_name(topic_prefix: str) -> str:
    """Return the consumer group of the workers, which is also what states are signed for."""
    return f"{topic_prefix}-worker"


class WorkerDependencies(Struct, frozen=True, kw_only=True):
    """What every part of the worker is connected to."""

    settings: Settings
    app: HeadgateApp
    outbox: Outbox
    effects: EffectSender
    watcher: WorkerWatcher
    register: Register

    @property
    def prefix(self) -> str:
        """How every topic's name begins."""
        return self.settings.file.kafka.topic_prefix

    def reader(self, topic: str, *, start_at: StartAt) -> CommittedReader:
        """Return a reader of a topic for one agent."""
        return CommittedReader(FaustGroup(self.app, topic), topic=topic, start_at=start_at)

    @property
    def keys(self) -> StateKeys:
        """What signs states and control records."""
        return keys_from_text(self.settings.secrets.state_key)

    @property
    def events_topic(self) -> str:
        """The topic of canonical events."""
        return ACCESS_EVENTS.full_name(self.prefix)
