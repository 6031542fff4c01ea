"""The generated parts of the pages say what the code says."""

from __future__ import annotations

import make_reference
import pytest

from towline.engine.definitions import ExecutorDefinition


@pytest.mark.parametrize("path", make_reference.pages(), ids=lambda path: path.name)
def test_a_generated_page_is_current(path):
    wanted = make_reference.pages()[path]
    assert path.read_text(encoding="utf-8") == wanted, (
        "type: .venv/bin/python scripts/make_reference.py"
    )


def test_every_key_of_an_executor_definition_is_on_the_page():
    text = (make_reference.DOCS / "executors.md").read_text(encoding="utf-8")
    assert [key for key in ExecutorDefinition.model_fields if f"| `{key}` |" not in text] == []


def test_a_changed_description_makes_a_page_stale():
    text = "<!-- generated: x -->\n\nold\n\n<!-- end: x -->\n"
    assert make_reference.replaced("p.md", text, "x", "new") == text.replace("old", "new")


def test_a_page_that_has_lost_its_marks_is_noticed():
    with pytest.raises(SystemExit, match="needs one"):
        make_reference.replaced("p.md", "no marks", "x", "new")
