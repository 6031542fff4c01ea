"""The parameters of an old form as they are found: what a condition may look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Param:
    """One parameter that was read: its field, and which of its values mean yes and no.

    ``name`` is its field's; ``written`` is what the form calls it.
    """

    name: str
    field: dict[str, Any]
    group: str
    true_value: str = ""
    false_value: str = ""
    written: str = ""

    @property
    def type(self) -> str:
        """The type of its field."""
        return str(self.field.get("type", "string"))

    def wanted(self, value: str) -> Any:
        """Return a value of the old form as a condition of the new one has it; None: never."""
        if self.type == "boolean":
            if value == self.true_value or value.lower() in ("true", "yes"):
                return True
            if value == self.false_value or value.lower() in ("false", "no"):
                return False
            return None
        if self.type in ("choice", "multi-choice"):
            return value if value in [each["value"] for each in self.field["options"]] else None
        if self.type == "integer":
            return int(value) if value.lstrip("+-").isdigit() else None
        return value


@dataclass
class Seen:
    """All parameters so far; a name may be seen from its own group and from those around it."""

    params: list[Param] = field(default_factory=list)

    def find(self, written: str, group: str) -> Param | None:
        """Return the parameter that a reference names, such as ``host.resource`` or ``resource``.

        Only what can be seen from a group is found: its own members, and those of groups around.
        """
        parts = written.replace("|", ".").split(".")
        name, place = parts[-1], parts[0] if len(parts) > 1 else None
        for param in reversed(self.params):
            around = not param.group or f"{group}.".startswith(f"{param.group}.")
            named = place is None or place in param.group.split(".")
            if param.written == name and around and named and param.type != "secret":
                return param
        return None

    def elsewhere(self, written: str) -> bool:
        """Return whether there is such a parameter at all."""
        name = written.replace("|", ".").split(".")[-1]
        return any(param.written == name for param in self.params)
