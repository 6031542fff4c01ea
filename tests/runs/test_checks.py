"""What is refused before a run is made, in which words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from towline.errors import DefinitionError
from towline.runs.checks import check_executors, check_script, find_python, read_overrides


def refused(call, *arguments):
    with pytest.raises(DefinitionError) as caught:
        call(*arguments)
    return str(caught.value)


def test_a_good_script_passes_even_with_warnings_of_the_compiler(script):
    check_script(script("x = 1 is 1\n'\\d'\n"), sys.executable)


def test_a_missing_script(tmp_path):
    assert "there is no such file" in refused(check_script, tmp_path / "a.py", sys.executable)


def test_a_misspelt_verb_is_suggested(tmp_path):
    words = refused(check_script, Path("lits"), sys.executable, ["list", "show"])

    assert words.endswith("next: towline run list")


def test_a_folder_is_no_script(tmp_path):
    assert "is a folder" in refused(check_script, tmp_path, sys.executable)


def test_a_script_that_cannot_be_read():
    """A file that even root cannot read from its beginning."""
    words = refused(check_script, Path("/proc/self/mem"), sys.executable)

    assert words.startswith("/proc/self/mem: cannot be read: Input/output error\n  next: ")


def test_a_syntax_error_is_shown_with_its_line(script):
    path = script("x = 1\nfor in range(3):\n    pass\n")

    assert refused(check_script, path, sys.executable) == (
        f"{path}:2: is not Python: invalid syntax: for in range(3):"
    )


@pytest.mark.parametrize("content", [b"\x7fELF\0\0", b"x = '\xff'\n"])
def test_a_binary_is_no_script(tmp_path, content):
    path = tmp_path / "binary"
    path.write_bytes(content)

    assert "is not Python" in refused(check_script, path, sys.executable)


def test_the_interpreter_that_will_run_the_script_decides_on_its_syntax(script, tmp_path):
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    check_script(script("x = 1"), str(other))

    assert f"is not Python for {other}: SyntaxError" in refused(
        check_script, script("x = ("), str(other)
    )


def test_an_interpreter_that_cannot_be_run(script, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)

    assert "cannot be run" in refused(check_script, script(""), str(broken))


def test_the_interpreter_is_ours_unless_asked_otherwise(tmp_path):
    assert find_python(None) == sys.executable
    assert find_python(sys.executable) == sys.executable
    assert "there is no such program" in refused(find_python, str(tmp_path / "python"))


def test_overrides_are_read():
    assert read_overrides(["a=onprem", "b=cloud", "a=onprem"]) == {"a": "onprem", "b": "cloud"}


@pytest.mark.parametrize("word", ["a", "a=", "=onprem", ""])
def test_an_override_of_another_form_is_refused(word):
    assert "is not LABEL=NAME" in refused(read_overrides, [word])


def test_two_clusters_for_one_executor_are_refused():
    assert "has been given onprem already" in refused(read_overrides, ["a=onprem", "a=cloud"])


def test_the_executors_file_and_its_clusters_are_looked_at(tmp_path):
    file = tmp_path / "executors.json"
    file.write_text('{"a": {"cluster": "local"}}')

    check_executors(file, {})
    assert "nowhere" in refused(check_executors, file, {"a": "nowhere"})
    assert "no such executor" in refused(check_executors, file, {"b": "local"})
    file.write_text('{"a": {"clustr": "local"}}')
    assert "did you mean cluster?" in refused(check_executors, file, {})


def test_without_a_file_the_clusters_of_overrides_are_looked_at():
    check_executors(None, {"a": "local"})

    assert "nowhere" in refused(check_executors, None, {"a": "nowhere"})
