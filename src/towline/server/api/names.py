"""What names may look like."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

USER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
"""Also the form of an e-mail address; never ``*``, which means everybody."""

UserName = Annotated[str, StringConstraints(pattern=USER_NAME)]
Label = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""A few words in one line."""
