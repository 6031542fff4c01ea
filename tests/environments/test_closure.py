"""Which of the workspace's packages go along."""

from __future__ import annotations

import pytest

from towline.environments.closure import select
from towline.environments.installed import installed_here
from towline.errors import DefinitionError


@pytest.fixture
def chosen(site):
    """Install a small world; return a function that gives the chosen names."""
    requested = {"REQUESTED": ""}
    site.add("parsl", requires=("dill", "filelock"), metadata=requested)
    site.add("dill")
    site.add("filelock")
    site.add("towline", requires=("parsl", "rich"), metadata=requested)
    site.add("rich")
    site.add("pip", metadata=requested)
    site.add("science", requires=("numbers-lib[fast]", "not-installed"), metadata=requested)
    site.add("numbers-lib", requires=("speedups; extra == 'fast'", "tables"))
    site.add("speedups")
    site.add("tables", requires=("dill; python_version < '3'",))
    site.add("orphan")

    def names(**options):
        return [p.name for p in select(installed_here([str(site.folder)]), **options)]

    return names


def test_what_was_asked_for_goes_along_with_its_needs_and_extras(chosen):
    """Requested packages and those that no other needs are the roots; extras are followed."""
    assert chosen() == [
        "dill", "filelock", "numbers-lib", "orphan", "parsl", "science", "speedups", "tables",
    ]  # fmt: skip


def test_towline_and_what_only_it_needs_stay_home(chosen):
    assert not {"towline", "rich", "pip"} & set(chosen())


def test_a_restriction_leaves_parsl_and_the_named_ones_with_their_needs(chosen):
    assert chosen(packages=["Numbers_Lib"]) == [
        "dill",
        "filelock",
        "numbers-lib",
        "parsl",
        "tables",
    ]


def test_what_is_left_out_takes_its_own_needs_with_it(chosen):
    """Leaving out a package also leaves out what only it needs."""
    assert not {"numbers-lib", "tables"} & set(chosen(exclude=["numbers.lib"]))


def test_a_misspelt_package_is_refused_with_a_suggestion(chosen):
    with pytest.raises(DefinitionError, match="sciense is not installed") as raised:
        chosen(packages=["sciense"])
    assert "science" in raised.value.next_step


def test_parsl_cannot_be_left_out(chosen):
    with pytest.raises(DefinitionError, match="parsl cannot be left out"):
        chosen(exclude=["parsl"])
