"""How the values of a cluster definition may be spelt, in words for people."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Spelling:
    """A pattern that a text must match as a whole, and the same rule in words."""

    pattern: str
    rule: str

    def check(self, text: str) -> str:
        """Return the text, or raise ValueError with the rule."""
        if not re.fullmatch(self.pattern, text):
            raise ValueError(self.rule)
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(schema) | {"pattern": f"^(?:{self.pattern})$"}


NAME = Spelling(
    r"[a-z0-9_][a-z0-9_-]{1,249}", "a name has 2-250 of a-z, 0-9, _ and -, and no - in front"
)
# 250: a file name has at most 255 bytes, and five of them are ".yaml".

# No leading '-' in what reaches ssh: it would take the value for an option.
Name = Annotated[str, NAME]
HostName = Annotated[
    str,
    Spelling(r"[A-Za-z0-9_.:][A-Za-z0-9_.:%-]*", "must be a host name or an address, and no more"),
]
Word = Annotated[str, Spelling(r"[^\s-]\S*", "must be one word without a '-' in front")]
SshWord = Annotated[
    str,
    Spelling(
        r"[^-\s'\"`$\\;&<>|(){}!*?#][^\s'\"`$\\;&<>|(){}!*?#]*",
        "must be one word without quotes, shell signs and a '-' in front",
    ),
]


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError("must be an IPv4 address of the controller") from None


IPv4 = Annotated[str, AfterValidator(_ipv4)]
LocalPath = Annotated[
    str, Spelling(r"(/|~/)[^\n\0]*", "must be an absolute path, or start with ~/")
]
RemoteFolder = Annotated[
    str,
    Spelling(r"/[^\n\0]+|~(/[^\n\0]*)?", "must be an absolute path there, or start with ~/"),
    AfterValidator(lambda path: path.rstrip("/")),
]
RemoteProgram = Annotated[
    str, Spelling(r"/[^\n\0]+", "must be an absolute path there, such as /usr/bin/python3")
]
