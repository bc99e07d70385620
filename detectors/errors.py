"""What may go wrong, as one tree.

HeadgateError
├── ConfigError   a setting is wrong: carries the key's path
├── StateError    a saved state cannot be read: carries what was found and expected
├── SinkError     an effect could not be carried out: says whether a retry may help
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
    """An effect could not be carried out; `recoverable` says whether to try again."""

    def __init__(self, problem: str, *, recoverable: bool) -> None:
        """Keep whether a retry may help."""
        super().__init__(problem)
        self.recoverable = recoverable


class CoreError(HeadgateError):
    """The core met a case that only a bug can produce."""
