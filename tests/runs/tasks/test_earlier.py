"""What a script's tasks usually take is known from when it ran before."""

from __future__ import annotations

from dataclasses import replace

from towline.runs.tasks.earlier import script_of, usual_seconds

from .rows import end, launch, run_with

TASKS = [row for n in range(4) for row in (launch(n, 100.0), end(n, 101.0, 2.0 + n))]


def test_last_run_of_the_script_counts() -> None:
    """The median of each executor's tasks; a run that did nothing tells nothing."""
    run = run_with(TASKS)
    idle = run_with([])
    assert idle.asked.script == run.asked.script
    assert usual_seconds(run.asked.script, 99) == {run_label(): 3.5}


def run_label() -> str:
    """Return the label that the rows are of."""
    return str(launch(0, 0.0)["executor"])


def test_other_scripts_later_runs_and_few_tasks_tell_nothing() -> None:
    """Nothing is made up."""
    run = run_with(TASKS)
    assert usual_seconds("/another.py", 99) == {}
    assert usual_seconds(run.asked.script, run.number) == {}
    few = run_with(TASKS[:4])
    assert usual_seconds(few.asked.script, few.number) != {}


def test_a_workflows_copies_count_as_one_script() -> None:
    """Each run of a workflow works on a copy, and so has a path of its own."""
    asked = run_with([]).asked
    first, second = (
        replace(
            asked,
            script=f"/runs/{n}/work/sub/main.py",
            cwd=f"/runs/{n}/work",
            workflow={"name": "waves", "version": n, "digest": ""},
        )
        for n in (1, 2)
    )
    assert script_of(first) == script_of(second) == "waves:sub/main.py"
    assert script_of(asked) == asked.script


def test_unreadable_run_is_passed_over() -> None:
    """A torn run.json keeps no script from starting."""
    run = run_with(TASKS)
    script, number = run.asked.script, run.number
    broken = run_with(TASKS)
    broken.run_json.write_text("{")
    assert usual_seconds(script, 99)
    assert number < broken.number
