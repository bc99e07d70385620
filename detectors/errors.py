"""What may go wrong, as one tree.

HeadgateError
├── ConfigError   a setting is wrong: carries the key's path
├── StateError    a saved state cannot be read: carries what was found and expected
├── SinkError     Kafka, or a file of events, could not be read or written
│   └── InputError    what was given is no log: wrong usage
└── CoreError     a bug in the core: the event goes to dead letters

Bad data is not in the tree: it is a value (`Rejected`), never an exception.
"""


class HeadgateError(Exception):
    """Anything Headgate raises on purpose."""


class ConfigError(HeadgateError):
    """A setting is wrong; `path` names its key, such as `detectors.excess.floor_participants`."""

    def __init__(self, path: str, problem: str) -> None:
        """Keep the key's path beside the sentence."""
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem


class StateError(HeadgateError):
    """A saved state is damaged, foreign or from another version; it is refused, never emptied."""


class SinkError(HeadgateError):
    """Kafka, or a file of events, could not be read or written."""


class InputError(SinkError):
    """What was given to be read is no log: damaged, in another encoding, or closed."""


class CoreError(HeadgateError):
    """The core met a case that only a bug can produce."""
