"""`python -m benchmarks.response`: plays thefts against the ladder and prints what it stopped."""

import sys

from benchmarks.response.command import main

if __name__ == "__main__":
    sys.exit(main())
