"""Instructions as word numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def _words(instruction: str) -> list[str]:
    return instruction.lower().replace(",", " ").replace(".", " ").split()


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Numbers the words of a vocabulary from 1 on; 0 fills up a short instruction."""

    vocabulary: tuple[str, ...]
    length: int

    @staticmethod
    def words_of(instructions: Iterable[str]) -> tuple[str, ...]:
        """Return the words that the instructions use, sorted."""
        return tuple(sorted({word for text in instructions for word in _words(text)}))

    def encode(self, instruction: str) -> NDArray[np.int64]:
        """Return the numbers of the instruction's words, (length,).

        Raises:
            ValueError: a word is unknown, or there are none or too many.
        """
        words = _words(instruction)
        unknown = sorted(set(words) - set(self.vocabulary))
        if unknown:
            raise ValueError(
                f"instruction {instruction!r} has words that this policy never learned: "
                f"{', '.join(unknown)}; it knows: {', '.join(self.vocabulary)}"
            )
        if not 1 <= len(words) <= self.length:
            raise ValueError(
                f"instruction {instruction!r} has {len(words)} words, want 1 to {self.length}"
            )
        numbers = np.zeros(self.length, dtype=np.int64)
        numbers[: len(words)] = [self.vocabulary.index(word) + 1 for word in words]
        return numbers
