"""`python -m benchmarks.quality`: plays the protocol and prints its tables."""

import sys

from benchmarks.quality.command import main

if __name__ == "__main__":
    sys.exit(main())
