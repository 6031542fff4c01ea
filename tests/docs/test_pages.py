"""Links lead somewhere, and code in the pages can be used as it stands."""

from __future__ import annotations

import ast
import json
import re

import pytest
import yaml

from towline.engine import load_executors

from .markdown import PAGES, ROOT, anchors, blocks, links

ALL_BLOCKS = [block for page in PAGES for block in blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page):
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading"


def test_every_page_of_docs_is_in_the_navigation_or_in_the_index_of_decisions():
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    listed |= {f"decisions/{link}" for link in links(ROOT / "docs/decisions/index.md")}
    there = {
        str(page.relative_to(ROOT / "docs")) for page in PAGES if ROOT / "docs" in page.parents
    }
    assert there == listed


@pytest.mark.parametrize("block", [b for b in ALL_BLOCKS if b.language == "python"], ids=str)
def test_python_in_the_pages_compiles(block):
    ast.parse(block.text, filename=str(block))


@pytest.mark.parametrize("block", [b for b in ALL_BLOCKS if b.language == "json"], ids=str)
def test_json_in_the_pages_is_json_and_executor_definitions_load(block):
    data = json.loads(block.text)
    values = list(data.values())
    if values and all(isinstance(v, dict) and {"cluster", "POOL"} & v.keys() for v in values):
        assert load_executors(data).executors


@pytest.mark.parametrize("block", [b for b in ALL_BLOCKS if b.language == "yaml"], ids=str)
def test_yaml_in_the_pages_is_yaml_and_executor_definitions_load(block):
    data = yaml.safe_load(block.text)
    values = list(data.values())
    if values and all(isinstance(v, dict) and {"cluster", "POOL"} & v.keys() for v in values):
        assert load_executors(data).executors
