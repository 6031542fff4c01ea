"""The page about clusters holds what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from towline.clusters import ClusterDefinition
from towline.clusters.doctor import STEPS

PAGE = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text(encoding="utf-8")


def test_every_key_of_a_definition_is_documented_and_no_other() -> None:
    table = PAGE.split("| Key | Meaning |")[1].split("\n\n")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    documented = re.findall(r"`(\w+)`", "".join(first_cells))
    assert sorted(documented) == sorted(ClusterDefinition.model_fields)


def test_the_example_file_is_a_valid_definition() -> None:
    example = PAGE.split("```yaml\n")[1].split("```")[0]
    assert ClusterDefinition(name="onprem", **yaml.safe_load(example)).jump == "gate.example.org"


def test_every_step_of_the_doctor_is_shown() -> None:
    shown = [step.name for step in STEPS if not step.deep]
    assert [name for name in shown if f"✓  {name}" not in PAGE] == []
