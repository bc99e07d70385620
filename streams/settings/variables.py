"""Names of environment variables that the settings and all above them read; without any import."""

from typing import Final

BOOTSTRAP_VARIABLE: Final = "HEADGATE_KAFKA_BOOTSTRAP"
METRICS_ADDRESS_VARIABLE: Final = "HEADGATE_METRICS_ADDRESS"
DECISION_KEY_VARIABLE: Final = "HEADGATE_DECISION_KEY"
