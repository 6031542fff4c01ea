"""Where a connection goes, in the words of the OpenSSH client."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from towline.errors import DefinitionError

_SAFE_WORD = re.compile(r"(?!-)[^\s'\"`$\\;&<>|(){}!*?#\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Destination:
    """One controller as ``ssh`` reaches it; what is ``None`` comes from the user's ssh_config.

    Raises:
        DefinitionError: when a word could be taken for an option of ``ssh`` or for shell syntax.

    """

    name: str
    """The cluster's name, for messages."""
    host: str
    """An alias from ssh_config, or a host name."""
    user: str | None = None
    port: int | None = None
    jump: str | None = None
    """Jump hosts, as for ``ssh -J``."""
    identity_file: Path | None = None
    config_file: Path | None = None
    """As for ``ssh -F``; None: the user's own ``~/.ssh/config`` and the system's."""
    persist_seconds: int = 600
    """How long the shared connection stays after its last use."""
    connections_per_minute: int = 10
    """Cap on new connections of all processes together."""

    def __post_init__(self) -> None:
        for field in ("host", "user", "jump"):
            word = getattr(self, field)
            if word is not None and not _SAFE_WORD.fullmatch(word):
                raise DefinitionError(
                    self.thing,
                    f"{field} {word!r} is not a name that ssh can be given",
                    f"write {field} without spaces, quotes and a leading '-'",
                )
        if self.port is not None and not 0 < self.port < 65536:
            raise DefinitionError(self.thing, f"port {self.port} is not between 1 and 65535")

    @property
    def thing(self) -> str:
        """What messages call this destination."""
        return f"cluster {self.name}"

    @property
    def key(self) -> str:
        """A short hash of all that makes two destinations different connections."""
        parts = (self.config_file, self.host, self.user, self.port, self.jump, self.identity_file)
        text = json.dumps([None if part is None else str(part) for part in parts])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def arguments(self) -> list[str]:
        """Return the arguments that say where to go, to be put last in an ``ssh`` command."""
        words: list[str] = []
        if self.user is not None:
            words += ["-l", self.user]
        if self.port is not None:
            words += ["-p", str(self.port)]
        if self.jump is not None:
            words += ["-J", self.jump]
        if self.identity_file is not None:
            words += ["-i", str(self.identity_file.expanduser()), "-o", "IdentitiesOnly=yes"]
        return [*words, "--", self.host]

    def to_json(self) -> str:
        """Return the destination as JSON; it holds no secret."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Destination:
        """Read what :meth:`to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        for name in ("identity_file", "config_file"):
            if fields.get(name) is not None:
                fields[name] = Path(fields[name])
        return cls(**fields)
