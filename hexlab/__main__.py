"""Run the command line as ``python -m hexlab``."""

import sys

from hexlab.app.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
