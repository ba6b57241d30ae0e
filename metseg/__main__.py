"""``python -m metseg``: the program of `cli`, started by name, so that no import runs upwards."""

import runpy

if __name__ == "__main__":
    runpy.run_module("cli", run_name="__main__")
