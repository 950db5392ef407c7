"""Run the command line as ``python -m hexlab``."""

from hexlab.app.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
