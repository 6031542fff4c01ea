"""The client without sockets: what is sent again, what an answer means, whose key goes where."""

from __future__ import annotations

import json

import pytest

from towline import errors
from towline.client.core import clusters, runs
from towline.client.core.address import Address, check_url, find_server
from towline.client.core.caller import Caller
from towline.client.core.calls import Answer, Call, NoAnswer, Pause, path_of
from towline.client.core.exchange import Patience, exchange, pause_after
from towline.client.core.problems import error_of
from towline.client.core.streams import EventStream
from towline.client.models import ClusterInfo, FileInfo
from towline.errors import DefinitionError, NotAuthorised, ServerFailed, ServerUnreachable

REFUSED = NoAnswer("connection refused", sent=False)
BROKEN = NoAnswer("the connection broke", sent=True)
OK = Answer(200, {}, b"{}")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def play(steps, replies, clock=None):
    """Run an operation against replies; return its result, the calls and the seconds waited."""
    calls, waited, left = [], 0.0, list(replies)
    step = next(steps)
    while True:
        try:
            if isinstance(step, Pause):
                waited += step.seconds
                if clock:
                    clock.now += step.seconds
                step = steps.send(None)
            else:
                calls.append(step)
                step = steps.send(left.pop(0) if len(left) > 1 else left[0])
        except StopIteration as end:
            return end.value, calls, waited


def answer(data, status=200, **headers):
    return Answer(status, headers, json.dumps(data).encode())


def test_a_question_is_asked_again_until_it_is_answered():
    got, calls, waited = play(
        exchange(Call("GET", "/me"), "s", Patience()), [REFUSED, BROKEN, Answer(503), OK]
    )

    assert got == OK
    assert len(calls) == 4
    assert waited > 0


@pytest.mark.parametrize("reply", [BROKEN, Answer(502), Answer(504)])
def test_what_must_not_happen_twice_is_not_sent_twice(reply):
    with pytest.raises(errors.ServerError):
        play(exchange(Call("POST", "/clusters", again=False), "s", Patience()), [reply, OK])


def test_what_never_arrived_is_sent_again_whatever_it_is():
    _, calls, _ = play(
        exchange(Call("POST", "/clusters", again=False), "s", Patience()), [REFUSED, OK]
    )

    assert len(calls) == 2


def test_a_thing_that_is_gone_after_a_lost_answer_was_deleted():
    gone = answer({"code": "run-not-found"}, 404)

    play(exchange(Call("DELETE", "/runs/1"), "s", Patience()), [BROKEN, gone])
    with pytest.raises(errors.RunNotFound):
        play(exchange(Call("DELETE", "/runs/1"), "s", Patience()), [gone])


def test_a_server_never_seen_is_given_up_soon_and_one_that_restarts_is_waited_for():
    for answered, limits in ((False, (1, 3)), (True, (50, 60))):
        clock = Clock()
        patience = Patience(clock=clock, answered=answered)
        with pytest.raises(ServerUnreachable) as error:
            play(exchange(Call("GET", "/me"), "http://s", patience), [REFUSED], clock)
        assert limits[0] <= clock.now <= limits[1]
        assert ("Its runs go on" in error.value.cause) is answered


def test_a_wrong_key_is_said_at_once_and_never_taken_for_a_server_that_starts():
    wrong = answer({"code": "not-authenticated", "cause": "unknown key"}, 401)

    with pytest.raises(NotAuthorised, match="API key is not accepted: unknown key") as error:
        play(exchange(Call("GET", "/me"), "http://s", Patience()), [wrong])
    assert error.value.exit_code == 9
    assert "towline key create" in error.value.next_step


def test_the_server_says_how_long_to_wait():
    _, _, waited = play(
        exchange(Call("GET", "/me"), "s", Patience(first=60)),
        [Answer(429, {"retry-after": "7"}), OK],
    )

    assert waited >= 7
    assert pause_after(50, spread=1.0) <= 5


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "run-not-found", errors.RunNotFound),
        (409, "cluster-in-use", errors.ClusterInUse),
        (422, "definition-error", errors.DefinitionError),
        (502, "host-unreachable", errors.HostUnreachable),
        (404, "some-new-code", errors.NotThere),
        (409, "some-new-code", errors.RequestRefused),
        (403, "wrong-scope", errors.Forbidden),
        (401, "login-refused", errors.NotAuthorised),
        (500, "internal-error", errors.ServerFailed),
    ],
)
def test_an_answer_that_says_no_is_the_error_that_a_local_call_would_raise(status, code, kind):
    problem = {"code": code, "thing": "run 7", "cause": "why", "next": "do this"}

    error = error_of(Call("GET", "/x"), answer(problem, status), "http://s")

    assert type(error) is kind
    assert "why" in error.cause
    assert error.next_step == "do this"


def test_wrong_inputs_keep_their_places():
    problem = {
        "code": "inputs-wrong",
        "thing": "workflow x",
        "errors": [{"path": "solver.steps", "message": "must be at least 1, not 0"}],
    }

    error = error_of(Call("POST", "/runs"), answer(problem, 422), "s")

    assert isinstance(error, errors.InputsWrong)
    assert error.problems[0].path == ("solver", "steps")
    assert error.cause == "solver.steps must be at least 1, not 0"


def test_a_page_that_is_no_answer_of_ours_is_named_without_its_markup():
    error = error_of(Call("GET", "/x"), Answer(502, {}, b"<h1>Bad <b>Gateway</b></h1>"), "s")

    assert isinstance(error, ServerFailed)
    assert error.cause == "HTTP 502: Bad Gateway"
    with pytest.raises(ServerFailed, match="not JSON"):
        play(Caller("s", Patience()).data(Call("GET", "/x")), [Answer(200, {}, b"<html>")])


def test_lists_are_read_page_by_page():
    pages = [
        answer({"items": [{"path": "a"}], "next_cursor": "c1"}),
        answer({"items": [{"path": "b"}], "next_cursor": None}),
    ]

    found, calls, _ = play(Caller("s", Patience()).all(FileInfo, "/files"), pages)

    assert [each.path for each in found] == ["a", "b"]
    assert calls[1].query["cursor"] == "c1"


def test_a_list_asks_for_no_more_than_is_wanted():
    page = answer({"items": [{"path": "a"}, {"path": "b"}], "next_cursor": "more"})

    found, calls, _ = play(Caller("s", Patience()).all(FileInfo, "/files", limit=2), [page])

    assert (len(found), len(calls), calls[0].query["limit"]) == (2, 1, 2)


def test_what_a_newer_server_adds_is_kept():
    info = ClusterInfo.model_validate({"name": "x", "state": "on", "moon_phase": "full"})

    assert info.on
    assert info.model_extra == {"moon_phase": "full"}


def test_a_launch_sent_twice_has_one_idempotency_key():
    steps = runs.launch(Caller("s", Patience()), "wf", {"a": 1})

    run, calls, _ = play(steps, [BROKEN, answer({"number": 7}, 201)])

    assert run.number == 7
    assert calls[0].headers["Idempotency-Key"] == calls[1].headers["Idempotency-Key"]
    other = runs.launch(Caller("s", Patience()), "wf", {"a": 1})
    assert play(other, [answer({"number": 8})])[1][0].headers != calls[0].headers


@pytest.mark.parametrize(
    ("state", "desired", "is_started"),
    [("off", None, True), ("off", "off", True), ("on", "on", False), ("starting", "on", False)],
)
def test_a_cluster_is_mine_to_stop_only_when_it_was_off(state, desired, is_started):
    noted = []
    seen = answer({"name": "c", "state": state, "desired": desired})

    play(clusters.start(Caller("s", Patience()), "c", noted.append), [seen])

    assert noted == (["c"] if is_started else [])


def test_waiting_for_a_cluster_ends_when_it_cannot_come():
    failed = answer({"name": "c", "state": "error", "desired": "on", "reason": "no quota"})
    asks = answer({"name": "c", "state": "input_needed", "desired": "on"})
    never = answer({"name": "c", "state": "starting", "desired": "on", "reason": "booting"})
    caller = Caller("s", Patience())

    with pytest.raises(errors.SiteError, match="no quota"):
        play(clusters.wait(caller, "c"), [failed])
    with pytest.raises(errors.LoginNeeded):
        play(clusters.wait(caller, "c"), [asks])
    with pytest.raises(errors.NotInTime, match="starting: booting") as error:
        play(clusters.wait(caller, "c", timeout=0.01), [never])
    assert error.value.exit_code == 124


def test_a_failed_run_raises_with_the_exit_code_of_the_run_when_asked_to():
    ended = answer({"number": 3, "state": "failed", "exit_code": 4, "reason": "no partition"})

    run, _, _ = play(runs.wait(Caller("s", Patience()), 3), [ended])
    assert not run.ok
    with pytest.raises(errors.RunFailed, match="no partition") as error:
        play(runs.wait(Caller("s", Patience()), 3, check=True), [ended])
    assert error.value.exit_code == 4


def test_a_stream_goes_on_after_the_last_event_that_it_saw():
    clock = Clock()
    stream = EventStream("/runs/1/log/events", "s", Patience(clock=clock), {"offset": 0})
    assert "Last-Event-ID" not in stream.call().headers
    stream.opened()
    stream.seen("120")

    assert stream.pause_after(BROKEN) < 1
    assert stream.call().headers["Last-Event-ID"] == "120"
    with pytest.raises(errors.RunNotFound):
        stream.pause_after(answer({"code": "run-not-found"}, 404))
    with pytest.raises(ServerUnreachable):
        while True:
            clock.now += stream.pause_after(REFUSED)
    assert clock.now > 50


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://h.example.org/", "https://h.example.org"),
        ("h.example.org", "https://h.example.org"),
        ("localhost:8695", "http://localhost:8695"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("https://h/base/", "https://h/base"),
    ],
)
def test_addresses_are_taken_as_people_write_them(given, url):
    assert check_url(given) == url


@pytest.mark.parametrize(
    "url",
    ["http://h.example.org", "ftp://h", "https://", "https://u:tl_x@h", "https://h?key=tl_x"],
)
def test_an_address_that_would_show_the_key_is_refused_without_showing_it(url):
    with pytest.raises(DefinitionError) as error:
        check_url(url)
    assert "tl_x" not in str(error.value)


def test_the_key_is_in_no_repr_and_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    address = Address("http://h", "tl_a_secret")

    assert "secret" not in repr(address)
    with pytest.raises(NotAuthorised, match="no API key is given"):
        find_server("https://h", None, {})
    with pytest.raises(NotAuthorised) as error:
        find_server("https://h", "tl_a_secret\nX: y", {})
    assert "secret" not in str(error.value)
    with pytest.raises(ServerUnreachable, match="none was named"):
        find_server(None, "tl_a_b", {})


def test_my_own_server_is_found_and_reached_by_number_not_by_name(tmp_path, monkeypatch):
    """Another user of this machine may listen on ::1, which localhost may mean first."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    folder = tmp_path / "state" / "server"
    folder.mkdir(parents=True)
    (folder / "server.json").write_text('{"url": "http://localhost:99"}')
    (folder / "local.key").write_text("tl_local_one\n")

    found = find_server(None, None, {})
    (folder / "local.key").write_text("tl_local_two\n")

    assert (found.url, found.api_key) == ("http://127.0.0.1:99", "tl_local_one")
    assert found.now().api_key == "tl_local_two"
    assert find_server("localhost:99", None, {}).own
    assert find_server("localhost:99", "tl_a_b", {}).api_key == "tl_a_b"


def test_a_name_with_a_slash_stays_one_part_of_the_path():
    assert path_of("clusters", "../keys") == "/clusters/..%2Fkeys"
