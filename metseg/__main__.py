"""``python -m metseg``: the program of `cli`, by its name, since nothing here imports what is above."""

import runpy

if __name__ == "__main__":
    runpy.run_module("cli", run_name="__main__")
