"""Whether a script and its workers can work together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from towline.environments.comparison import Expected, fatal, warnings
from towline.environments.worker_python import WorkerPython, read_worker_python

SCRIPT = Expected("3.11.7", "CPython", "2026.10.26", {}, changeable=True)
WORKER = WorkerPython(
    version="3.11.2",
    implementation="CPython",
    executable="/opt/env/bin/python",
    parsl="2026.10.26",
    parsl_from="/opt/env/lib/parsl",
    packages={"dill": "0.4.1", "parsl": "2026.10.26", "numpy": "2.0"},
)


def test_another_patch_of_the_same_minor_is_fine():
    assert fatal(SCRIPT, WORKER) is None


@pytest.mark.parametrize(
    ("change", "cause", "advice"),
    [
        ({"version": "3.13.5"}, "workers would run Python 3.13.5, but this script", "Python 3.11"),
        ({"implementation": "PyPy"}, "workers would run PyPy", "CPython"),
        (
            {"parsl": "2026.7.27"},
            "Parsl 2026.7.27, but this script runs Parsl",
            "parsl==2026.10.26",
        ),
        ({"parsl": None, "worker_error": "ModuleNotFoundError: x"}, "has no Parsl", "kind: sync"),
        ({"worker_error": "ImportError: libzmq"}, "worker cannot start there: ImportError", "pip"),
    ],
)
def test_what_cannot_work_is_said_with_what_to_do(change, cause, advice):
    fault = fatal(SCRIPT, replace(WORKER, **change))
    assert fault is not None
    assert cause in fault.cause
    assert advice in fault.next_step


def test_a_fitting_environment_warns_of_nothing():
    assert warnings(replace(SCRIPT, packages=dict(WORKER.packages)), WORKER) == ()


def test_other_versions_and_missing_packages_are_warned_of():
    here = {"dill": "0.3.0", "numpy": "1.26", "pandas": "2.2"}
    said = " | ".join(warnings(replace(SCRIPT, packages=here), WORKER))
    assert "dill is 0.4.1 there and 0.3.0 here" in said
    assert "not there, but here: pandas" in said
    assert "numpy 2.0 (here 1.26)" in said


def test_long_lists_are_cut_and_counted():
    here = {f"package-{number}": "1" for number in range(20)}
    (said,) = warnings(replace(SCRIPT, packages=here), WORKER)
    assert said.endswith("and 14 more")


def test_a_module_that_the_loader_refuses_is_warned_of():
    worker = replace(WORKER, unloadable={"mpi.so": "libmpi.so.40: cannot open shared object file"})
    assert "libmpi.so.40" in warnings(SCRIPT, worker)[0]


def test_an_answer_of_a_later_version_is_read_as_far_as_it_is_known():
    assert read_worker_python('{"version": "3.11.2", "mood": "fine"}').minor == "3.11"


@pytest.mark.parametrize("text", ["", "[]", "Traceback (most recent call last):"])
def test_an_answer_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_worker_python(text)
