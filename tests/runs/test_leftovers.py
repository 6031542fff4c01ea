"""Asking the clusters, with stand-ins for them; real ones are asked in tests/engine."""

from __future__ import annotations

from towline.clusters import define
from towline.errors import HostUnreachable
from towline.runs import Leftover, RunFolder
from towline.runs.leftovers import cross_out, ended_runs, search, sites_of

TAGS = ["r1-00000000"]


class FakeSite:
    """A cluster with things on it; ``stubborn`` ones stay."""

    def __init__(self, name, *things, stubborn=(), error=None):
        self.name = name
        self.things = list(things)
        self.stubborn = list(stubborn)
        self.error = error
        self.asked = []

    def find(self, tags):
        """Return what is there."""
        self.asked.append(list(tags))
        if self.error:
            raise self.error
        return [Leftover(self.name, "job", thing) for thing in [*self.things, *self.stubborn]]

    def remove(self, tags):
        """Remove what lets itself be removed."""
        self.things.clear()


def test_what_is_there_is_named_and_left_alone():
    site = FakeSite("onprem", "17")

    (answer,) = search([site], TAGS)

    assert [item.what for item in answer.leftovers] == ["17"]
    assert site.things == ["17"]
    assert site.asked == [TAGS]


def test_on_demand_it_is_removed_and_looked_for_again():
    site = FakeSite("onprem", "17", stubborn=["18"])

    (answer,) = search([site], TAGS, remove=True)

    assert [item.what for item in answer.leftovers] == ["18"]


def test_a_cluster_that_cannot_be_asked_does_not_hide_the_others():
    down = FakeSite("cloud", error=HostUnreachable("cluster cloud", "timed out"))

    answers = {answer.cluster: answer for answer in search([down, FakeSite("onprem")], TAGS)}

    assert isinstance(answers["cloud"].error, HostUnreachable)
    assert answers["onprem"].error is None
    assert answers["onprem"].leftovers == ()


def test_without_runs_or_clusters_nothing_is_asked():
    site = FakeSite("onprem", "17")

    assert search([site], []) == []
    assert search([], TAGS) == []
    assert site.asked == []


def test_ledgers_are_balanced_only_where_a_cluster_said_that_nothing_is_left():
    folder = RunFolder.create("a.py")
    for cluster in ("clean", "dirty", "down", "unasked"):
        folder.ledger.intend("job", cluster)
    down = FakeSite("down", error=HostUnreachable("cluster down", "timed out"))

    cross_out([folder], search([FakeSite("clean"), FakeSite("dirty", "17"), down], TAGS))

    left = [entry.cluster for entry in folder.ledger.open_entries()]
    assert left == ["dirty", "down", "unasked"]


def test_a_run_under_way_has_no_leftovers_yet():
    RunFolder.create("a.py")
    over = RunFolder.create("a.py")
    over.events.append("ended", state="failed")

    assert [folder.number for folder in ended_runs()] == [over.number]


def test_a_runs_clusters_are_those_of_its_ledger_even_when_they_are_defined_no_more():
    folder = RunFolder.create("a.py")
    definition = define("onprem", type="slurm", host="h").model_dump()
    folder.ledger.intend("remote_folder", "onprem", definition=definition)

    assert [site.name for site in sites_of([folder])] == ["onprem"]
