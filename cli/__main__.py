"""``python -m cli``, which ``python -m metseg`` runs."""

from cli.app import main

if __name__ == "__main__":
    main()
