"""The program `metseg`. The only part of this package that imports the other rooms."""

from cli.app import main

__all__ = ["main"]
