"""Step 5 of 7: the reference topic -> what each partition was judged by on each day."""

from itertools import chain

from detectors.errors import SinkError
from detectors.peers.reference import ReferenceConfig
from streams.control.reference_log import ReferenceLog, read_message
from streams.ingest.rejects import Rejected
from streams.kafka.log_reader import TopicReader
from streams.replay.reading import Reading


def recorded_references(reading: Reading, config: ReferenceConfig) -> ReferenceLog:
    """Return what is on record; where there is no such topic, nothing is known of the peers."""
    log = ReferenceLog(config)
    topic = reading.reference_topic
    if topic is None:
        return log
    try:
        with TopicReader(topic, cluster=reading.cluster) as reader:
            for record in chain.from_iterable(reader.records(0)):
                message = read_message(record, topic=topic, keys=reading.keys)
                if not isinstance(message, Rejected):
                    log.apply(message)
    except SinkError:
        pass
    return log
