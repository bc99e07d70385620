"""What a terminal shows: log lines, progress, wording."""

from typing import Final

# By it one sees whether logs were set up, without loading what writes them.
LOG_HANDLER_NAME: Final = "headgate"
