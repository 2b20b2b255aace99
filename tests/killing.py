"""A kill in the middle of work on files, between any two changes of a name on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class _KilledError(BaseException):
    """What a kill looks like from inside: nothing more is done."""


@contextmanager
def killed_before(step: int) -> Iterator[None]:
    """Have nothing more happen in the block from the `step`th change of a name on disk on."""
    done = 0

    def mortal(act: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done >= step:
                raise _KilledError
            return act(*arguments, **options)

        return stepped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", mortal(Path.replace))
        patch.setattr(Path, "rename", mortal(Path.rename))
        patch.setattr(shutil, "rmtree", mortal(shutil.rmtree))
        try:
            yield
        except _KilledError:
            return
    pytest.fail(f"there are only {done} steps, none could be killed before step {step}")
