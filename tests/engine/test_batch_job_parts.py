"""The pure parts of a batch job: what is asked, what is sent, what is read, how it is judged."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsl.jobs.states import JobState, JobStatus

from towline.engine.batch_job import BatchRequest, read_on
from towline.engine.batch_job.following import Exit, look_script, read_look
from towline.engine.batch_job.job import BatchJob
from towline.engine.batch_job.outputs import list_script, put_in_place
from towline.engine.batch_job.patterns import chosen, unmatched
from towline.engine.batch_job.script import NOT_AGAIN, job_script, moved
from towline.engine.batch_job.verdict import Verdict, judge
from towline.errors import CopyFailed, DefinitionError, RunError

ENDED = Exit(0, 0, 0)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), ["a.csv", "b/c.csv", "b/d/e.csv", "b/x.png", "[odd].txt"]),
        (("*.csv",), ["a.csv"]),
        (("**/*.csv",), ["a.csv", "b/c.csv", "b/d/e.csv"]),
        (("b/*.csv", "a.???"), ["a.csv", "b/c.csv"]),
        (("b",), ["b/c.csv", "b/d/e.csv", "b/x.png"]),
        (("./b/d/",), ["b/d/e.csv"]),
        (("[ab].csv", "b/[!x]*"), ["a.csv", "b/c.csv", "b/d/e.csv"]),
        (("[[]odd].txt",), ["[odd].txt"]),
        (("[z-a].csv", "a.csv"), ["a.csv"]),
        (("**/**/*.png",), ["b/x.png"]),
    ],
)
def test_patterns_name_files_as_in_a_shell(patterns: tuple[str, ...], expected: list[str]) -> None:
    paths = ["a.csv", "b/c.csv", "b/d/e.csv", "b/x.png", "[odd].txt"]
    assert chosen(paths, patterns) == expected


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1, max_size=20) | st.text("[]!^-*?az\\", min_size=1, max_size=8))
def test_any_text_is_a_pattern_that_can_be_asked(pattern: str) -> None:
    unmatched(["a", "b/c"], [pattern])


@pytest.mark.parametrize("pattern", ["", "/etc/passwd", "../x", "a/../../b", "~/x", "a\nb"])
def test_a_pattern_that_leads_out_is_refused(pattern: str) -> None:
    with pytest.raises(DefinitionError, match="outputs"):
        BatchRequest.of({"cluster": "onprem"}, ["a"], [pattern])


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)


@settings(max_examples=25, deadline=None)
@given(st.lists(WORDS, max_size=5))
def test_a_program_gets_its_words_as_they_are(words: list[str]) -> None:
    """Whatever they hold: no shell reads them."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "work").mkdir()
        program = ["printf", "%s\\0", *words]
        script = job_script(folder, program, {"X": "it's $HOME"})
        done = subprocess.run(["sh"], input=script.encode(), check=False)
        assert done.returncode == 0
        written = (Path(folder) / "stdout").read_bytes()
        assert written == b"".join(w.encode() + b"\0" for w in words or [""])
        assert (Path(folder) / "exit").read_text().split() == ["0", str(len(written)), "0"]


def test_a_job_that_is_started_again_does_not_run_its_program_twice(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    script = job_script(str(tmp_path), ["sh", "-c", "echo ran >> ../ran; exit 7"], {})
    codes = [subprocess.run(["sh"], input=script.encode(), check=False).returncode for _ in "12"]
    assert codes == [7, NOT_AGAIN]
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_each_look_begins_where_the_last_one_ended(tmp_path: Path) -> None:
    """Bytes that are no text pass; what is not whole counts for nothing."""

    def look(stdout: int, stderr: int) -> bytes:
        script = look_script(str(tmp_path), stdout, stderr)
        return subprocess.run(["sh"], input=script.encode(), capture_output=True).stdout

    nothing = read_look(look(0, 0))
    assert nothing is not None
    assert (nothing.stdout, nothing.begun, nothing.exit) == (b"", False, None)
    (tmp_path / "begun").mkdir()
    (tmp_path / "stdout").write_bytes(b"one\n\xff\0two")
    (tmp_path / "stderr").write_bytes(b"@@look|")
    (tmp_path / "exit").write_text("3 9 7\n")
    answer = look(4, 0)
    found = read_look(answer)
    assert found is not None
    assert (found.stdout, found.stderr) == (b"\xff\0two", b"@@look|")
    assert (found.begun, found.exit) == (True, Exit(3, 9, 7))
    assert read_look(answer[:-1]) is None
    assert read_look(b"") is None


@pytest.mark.parametrize(
    ("end", "state", "word", "verdict"),
    [
        (ENDED, JobState.COMPLETED, "COMPLETED", Verdict(0)),
        (Exit(3, 0, 0), JobState.FAILED, "FAILED (NonZeroExitCode)", Verdict(3)),
        (Exit(3, 0, 0), JobState.FAILED, "exit code 3", Verdict(3)),
        (Exit(137, 0, 0), JobState.FAILED, "OUT_OF_MEMORY", Verdict(137, "OUT_OF_MEMORY")),
        (ENDED, JobState.TIMEOUT, "TIMEOUT (TimeLimit)", Verdict(1, "TIMEOUT (TimeLimit)")),
        (None, JobState.TIMEOUT, "time limit reached", Verdict(124, "time limit reached")),
        (None, JobState.CANCELLED, "CANCELLED by 0", Verdict(1, "CANCELLED by 0")),
        (None, JobState.FAILED, "NODE_FAIL", Verdict(1, "NODE_FAIL")),
        # a controller without accounting: what the job left is all that is known of its end
        (ENDED, JobState.COMPLETED, "it ended while nobody could look", Verdict(0)),
        (Exit(9, 0, 0), JobState.FAILED, "the scheduler no longer knows job 7: …", Verdict(9)),
    ],
)
def test_a_job_is_judged_by_its_program_unless_the_scheduler_ended_it(
    end: Exit | None, state: JobState, word: str, verdict: Verdict
) -> None:
    assert judge(end, JobStatus(state, word), begun=True) == verdict


@pytest.mark.parametrize("word", ["COMPLETED", "FAILED (RaisedSignal:9)", "ended by signal 9"])
def test_no_exit_code_is_no_success(word: str) -> None:
    """Whatever a scheduler says of the job around the program."""
    verdict = judge(None, JobStatus(JobState.COMPLETED, word), begun=True)
    assert verdict.exit_code == 1
    assert word in verdict.site
    assert "no exit code" in verdict.site


def test_a_job_asks_for_what_on_says_in_either_spelling() -> None:
    wanted, notes = read_on({"POOL": "gcp", "NTASKS_PER_NODE": "2", "HOST_IP": "1.2.3.4"})
    assert (wanted.cluster, wanted.tasks_per_node) == ("gcp", 2)
    assert len(notes) == 1
    assert read_on({"cluster": "gcp"})[0].tasks_per_node == 1  # one core, as sbatch gives


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ({"cluster": "a", "partitoin": "x"}, "did you mean partition"),
        ({"cluster": "a", "max_blocks": 2}, "is no key of a batch job"),
        ({"partition": "x"}, "on.cluster: is needed"),
        ({"cluster": "a", "walltime": "soon"}, "on.walltime: must be"),
    ],
)
def test_a_wrong_key_is_named(on: dict[str, object], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        read_on(on)


def test_a_request_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "batch.json"
    asked = BatchRequest.of({"cluster": "a"}, ["x", "ü"], ["*.csv"], Path("/run/inputs.json"))
    asked.write(path)
    assert BatchRequest.read(path) == asked
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["argv"] == ["x", "ü"]


def test_paths_of_the_workspace_become_those_of_the_cluster() -> None:
    words = ["/run/work", "/run/work/a b", "/run/worker", "x=/run/work"]
    assert moved(words, "/run/work", "/there") == ["/there", "/there/a b", *words[2:]]


def test_all_that_a_job_wrote_is_listed_and_what_was_sent_is_not(tmp_path: Path) -> None:
    """Also what it wrote in the moment in which it began; a listing may be asked for again."""
    for name in ("work/a b", "work/sent", "outputs/moved/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "begun").mkdir()
    os.utime(tmp_path / "begun", (1000, 1000))
    os.utime(tmp_path / "work/a b", (1000, 1000))
    os.utime(tmp_path / "work/sent", (999, 999))
    (tmp_path / "work/gone").symlink_to("nowhere")
    (tmp_path / "work/latest").symlink_to("sent")
    (tmp_path / "work/old").symlink_to("a b")
    os.utime(tmp_path / "work/old", (999, 999), follow_symlinks=False)
    done = subprocess.run(
        ["sh"], input=list_script(str(tmp_path), ()), capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.splitlines()) == ["./a b", "./gone", "./latest", "./moved/x"]
    done = subprocess.run(
        ["sh"], input=list_script(str(tmp_path), ["*"]), capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.splitlines()) == [
        *("./a b", "./gone", "./latest", "./moved/x", "./old", "./sent"),
    ]


@pytest.mark.parametrize(
    ("trouble", "raised"),
    [
        (CopyFailed("onprem", "no room here"), CopyFailed),
        (OSError(errno.ENOSPC, "No space left on device", "/some/file"), RunError),
    ],
)
def test_outputs_that_cannot_be_brought_back_stay_on_the_cluster(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
    raised: type[Exception],
) -> None:
    """Where no clean-up removes them; the cluster here is a stand-in that runs its scripts."""

    class Here:
        folder, name = str(tmp_path / "runs/r1"), "onprem"
        facts = SimpleNamespace(home=str(tmp_path))

        @property
        def connection(self) -> Here:
            return self

        def run(self, script: str, **_: object) -> None:
            subprocess.run(["sh"], input=script, text=True, check=True)

    def full(*_: object) -> None:
        raise trouble

    monkeypatch.setattr("towline.engine.batch_job.job.bring_outputs", full)
    monkeypatch.setattr("towline.engine.batch_job.job.RETRY_SECONDS", 0)
    (tmp_path / "runs/r1/work").mkdir(parents=True)
    (tmp_path / "runs/r1/work/result").write_text("42")
    words: list[str] = []
    job = BatchJob.__new__(BatchJob)
    job.request, job.tag, job.work = BatchRequest.of({"cluster": "onprem"}, ["a"]), "r1-0", tmp_path
    job.definition = SimpleNamespace(name="onprem")  # type: ignore[assignment]
    job.report = lambda event, **facts: words.append(str(facts.get("text")))
    job._patience = 60
    with pytest.raises(raised):
        job._bring_back(Here())  # type: ignore[arg-type]
    assert (tmp_path / "towline-r1-0/work/result").read_text() == "42"
    assert any("they are in" in word and "towline-r1-0" in word for word in words)


def test_the_rest_of_a_large_output_is_read_however_long_that_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit is for what does not appear, not for what comes; the follower is a stand-in."""
    monkeypatch.setattr("towline.engine.batch_job.job.REST_SECONDS", 0)

    class Large:
        pieces, exit = 50, Exit(0, 50, 0)

        @property
        def complete(self) -> bool:
            return self.pieces == 0

        def look(self) -> bool:
            self.pieces -= 1
            return True

    job = BatchJob.__new__(BatchJob)
    job._patience = 60
    large = Large()
    job._rest(large, JobStatus(JobState.COMPLETED))  # type: ignore[arg-type]
    assert large.complete


def test_what_comes_back_stays_within_the_working_folder(tmp_path: Path) -> None:
    """A link or a file that has the name of a folder gives way to it."""
    for name in ("arrived/link/a", "arrived/file/deep/b", "work/c", "outside/a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "work/link").symlink_to(tmp_path / "outside")
    (tmp_path / "work/file").write_text("a file before")
    came = put_in_place(tmp_path / "arrived", tmp_path / "work")
    assert came == ("file/deep/b", "link/a")
    assert (tmp_path / "work/link/a").read_text() == "arrived/link/a"
    assert (tmp_path / "outside/a").read_text() == "outside/a"
    assert (tmp_path / "work/file/deep/b").read_text() == "arrived/file/deep/b"


def test_a_program_that_fills_the_disk_does_not_take_the_room_of_its_exit_code(
    tmp_path: Path,
) -> None:
    """The file is there before the program begins, as large as it will be."""
    (tmp_path / "work").mkdir()
    watch = "ls -i ../exit.new; wc -c <../exit.new; exit 5"
    script = job_script(str(tmp_path), ["sh", "-c", watch], {})
    assert subprocess.run(["sh"], input=script, text=True).returncode == 5
    inode, _, size = (tmp_path / "stdout").read_text().split()
    left = (tmp_path / "exit").stat()
    assert (left.st_ino, left.st_size) == (int(inode), int(size))
    asked = look_script(str(tmp_path), 0, 0)
    found = read_look(subprocess.run(["sh"], input=asked.encode(), stdout=subprocess.PIPE).stdout)
    assert found is not None
    assert found.exit == Exit(5, (tmp_path / "stdout").stat().st_size, 0)
