"""The program `metseg` and its commands."""

from cli.app import main

__all__ = ["main"]
