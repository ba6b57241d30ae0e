"""Crops drawn by processes of their own, so that a step need not wait for them.

Each process reads its own material, draws whole batches and writes them into a pipe, as bytes. It
ends when nobody reads them any more, however the reader ended.
"""

import fcntl
import json
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final, Self

import cv2
import numpy as np

from metseg.errors import MetsegError
from models.inputs import CHANNELS, InputContract
from training.crops.crops import Batch, CropMix, CropSampler
from training.crops.run_material import training_cases
from training.data.cases import Source
from training.recipe import Recipe

_TRUTHS: Final = 4
_PIPE_BYTES: Final = 1 << 20
_SHARE_NAMES: Final = {
    Source.TUMOUR: "tumour",
    Source.NEGATIVE: "negative",
    Source.IMPLANT: "implant",
    Source.SLICE: "single",
}


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of the crops a sampler draws: the `number`-th of `of`, after `done` steps."""

    number: int = 0
    of: int = 1
    done: int = 0


def make_sampler(
    recipe: Recipe,
    contract: InputContract,
    share: Share,
    *,
    say: Callable[[str], None],
) -> CropSampler:
    """The stream of crops of a recipe, or a share of it, with its material read.

    A run that continues gets new crops, not those of its beginning again.

    Raises
    ------
    MetsegError
        There is nothing to train on, or a folder is missing.
    """
    part = slice(share.number, None, share.of)
    cases = training_cases(recipe, contract, say=say, part=part)
    say(f"{len(cases)} real cases")
    plain = share.of == 1 and not share.done
    return CropSampler(
        recipe.material.heads,
        cases,
        seed=recipe.seed if plain else [recipe.seed, share.done, share.number],
        mix=_mix(recipe, {case.source for case in cases}),
        contract=contract,
        share=(share.number, share.of),
    )


class Loaders:
    """Batches from `recipe.loaders` processes, in turn. A context manager that ends them.

    Raises
    ------
    MetsegError
        A process could not read its material; the message is its own.
    """

    def __init__(
        self, recipe: Recipe, contract: InputContract, *, done: int, say: Callable[[str], None]
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._shape = (recipe.batch, recipe.crop, recipe.crop)
        self._pipes: list[Connection] = []
        self._processes = []
        for number in range(recipe.loaders):
            ours, theirs = context.Pipe(duplex=False)
            _widen(theirs)
            process = context.Process(
                target=_serve,
                args=(recipe, contract, Share(number, recipe.loaders, done), theirs),
                daemon=True,
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        for number, pipe in enumerate(self._pipes):
            self._report(pipe, say if number == 0 else _silent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.terminate()
            process.join()

    def batches(self, size: int) -> Iterator[Batch]:
        """Endless batches as of `CropSampler.batches`; `size` is the recipe's."""
        if size != self._shape[0]:
            raise ValueError(f"size must be the recipe's batch {self._shape[0]}, got {size}")
        while True:
            for pipe in self._pipes:
                x = np.frombuffer(pipe.recv_bytes(), np.float32).reshape(*self._shape, CHANNELS)
                y = np.frombuffer(pipe.recv_bytes(), np.float32).reshape(*self._shape, _TRUTHS)
                yield x, y

    def _report(self, pipe: Connection, say: Callable[[str], None]) -> None:
        """Report what a process says before its first batch."""
        try:
            start = json.loads(pipe.recv_bytes())
        except EOFError:
            raise MetsegError(
                "a loader must read its material, it ended without a message"
            ) from None
        for line in start["said"]:
            say(line)
        if start["error"]:
            raise MetsegError(start["error"])


def _serve(recipe: Recipe, contract: InputContract, share: Share, pipe: Connection) -> None:
    """Draw batches as long as they are read."""
    cv2.setNumThreads(1)
    said: list[str] = []
    try:
        sampler = make_sampler(recipe, contract, share, say=said.append)
    except MetsegError as error:
        pipe.send_bytes(json.dumps({"said": said, "error": str(error)}).encode())
        return
    pipe.send_bytes(json.dumps({"said": said, "error": None}).encode())
    try:
        for x, y in sampler.batches(recipe.batch):
            pipe.send_bytes(np.ascontiguousarray(x).data)
            pipe.send_bytes(np.ascontiguousarray(y).data)
    except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return


def _widen(pipe: Connection) -> None:
    """Enlarge a pipe to about a quarter of a batch: the usual 64 KiB cost a process switch each.

    Only Linux can.
    """
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _silent(_: str) -> None:
    """The first process has reported it."""


def _mix(recipe: Recipe, sources: set[Source]) -> CropMix:
    """The recipe's mix; a source without a case gets no share."""
    mix = recipe.mix
    shares = {
        name: getattr(mix, name) if source in sources else 0.0
        for source, name in _SHARE_NAMES.items()
    }
    return CropMix(
        **shares,
        lesion=mix.lesion,
        size=recipe.crop,
        jitter=recipe.crop // 4,
        small_weight=mix.small_weight,
        sideways=mix.sideways,
    )
