"""Fields of a decoded JSON object, each checked for its type and its range."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from subsynth.core.documents import shown
from subsynth.core.errors import OutputError

MAX_TEXT = 200  # characters
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Fields:
    """The fields of a value that should be an object, from `source`. Every method raises OutputError."""

    value: object
    source: str

    def error(self, key: str, value: object, problem: str) -> OutputError:
        """The error for a field with a wrong value."""
        return OutputError(
            f"{self.source}: not a manifest that can be read ({key} is {shown(value)}, {problem}); render the set again"
        )

    def text(self, key: str) -> str:
        """A text of at most MAX_TEXT characters."""
        value = self._get(key)
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise self.error(key, value, f"not a text of at most {MAX_TEXT} characters")
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """One of some texts."""
        value = self._get(key)
        if not isinstance(value, str) or value not in choices:
            raise self.error(key, value, f"not one of {', '.join(choices)}")
        return value

    def digest(self, key: str) -> str:
        """A SHA-256, hex."""
        value = self._get(key)
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            raise self.error(key, value, "not a SHA-256")
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """A whole number in low..high."""
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, value, f"not a whole number in {low}..{high}")
        return value

    def mapping(self, key: str, names: Sequence[str]) -> Mapping[str, object]:
        """An object, all of whose keys are among the names."""
        value = self._get(key)
        if not isinstance(value, dict) or any(name not in names for name in value):
            raise self.error(key, value, f"not an object with the keys {', '.join(names)}")
        return value

    def items(self, key: str) -> Sequence[object]:
        """A list."""
        value = self._get(key)
        if not isinstance(value, list):
            raise self.error(key, value, "not a list")
        return value

    def _get(self, key: str) -> object:
        if not isinstance(self.value, dict):
            raise self.error("its content", self.value, "not an object")
        if key not in self.value:
            raise OutputError(
                f"{self.source}: not a manifest that can be read ({key} is missing); render the set again"
            )
        value: object = self.value[key]
        return value
