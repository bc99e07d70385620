from detectors.errors import ConfigError, CoreError, HeadgateError, SinkError, StateError


def test_every_error_is_headgates_own() -> None:
    """One tree: who catches its root has caught all that is raised on purpose."""
    kinds = (ConfigError, StateError, SinkError, CoreError)
    assert [issubclass(kind, HeadgateError) for kind in kinds] == [True] * 4


def test_a_config_error_carries_the_key() -> None:
    """The path of the key stands before the sentence, and is empty for the file as a whole."""
    error = ConfigError("detectors.excess.weight", "expected more than 0")
    assert (error.path, error.problem) == ("detectors.excess.weight", "expected more than 0")
    assert str(error) == "detectors.excess.weight: expected more than 0"
    assert str(ConfigError("", "no such file")) == "no such file"
