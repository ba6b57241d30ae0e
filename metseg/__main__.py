"""``python -m metseg``."""

from metseg.cli import main

if __name__ == "__main__":
    main()
