"""Forms from JSON Schema: a schema becomes fields, fields become HTML, what was sent is read."""

from __future__ import annotations

from towline.server.pages.forms.fields import Field, build
from towline.server.pages.forms.reading import read

__all__ = ["Field", "build", "read"]
