"""Types of the values of executor definitions, checked as they are read."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

WALLTIME = re.compile(r"(?:(\d+)-)?(\d{1,3}):([0-5]\d):([0-5]\d)")


def _one_line(value: Any) -> Any:
    if isinstance(value, str) and ("\n" in value or "\r" in value or "\0" in value):
        raise ValueError("must be one line")
    return value


def _walltime(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        # YAML 1.1 reads 08:00:00 as a base-60 number of seconds
        return f"{value // 3600:02}:{value % 3600 // 60:02}:{value % 60:02}"
    if not isinstance(value, str) or not WALLTIME.fullmatch(value):
        raise ValueError("must be [DAYS-]HOURS:MINUTES:SECONDS, such as 08:00:00")
    return value


def _lines(value: Any) -> Any:
    return tuple(value.splitlines()) if isinstance(value, str) else value


OneLine = Annotated[str, BeforeValidator(_one_line)]
Lines = Annotated[tuple[str, ...], BeforeValidator(_lines)]
Walltime = Annotated[str, BeforeValidator(_walltime)]
