"""Who may do what: the one function that decides."""

from __future__ import annotations

import pytest

from towline.server.access.actions import ALL_SCOPES, NEEDS, Action, Right, Role, Scope
from towline.server.access.authorize import Decision, authorize
from towline.server.access.principal import Granted, ObjectRef, Principal

ANN = Principal("ann", Role.ADMIN)
UMA = Principal("uma", Role.USER)
VIC = Principal("vic", Role.VIEWER)
UMAS = ObjectRef("cluster", "onprem", "uma")
OTTOS = ObjectRef("cluster", "cloud", "otto")
NOBODYS = ObjectRef("cluster", "old", None)


def granted(right: Right, name: str = "cloud", kind: str = "cluster") -> tuple[Granted, ...]:
    return (Granted(kind, name, right),)


def test_every_action_says_what_it_needs() -> None:
    """An action without a line would be a hole or a crash."""
    assert set(NEEDS) == set(Action)


@pytest.mark.parametrize("action", list(Action))
def test_an_administrator_may_do_everything(action: Action) -> None:
    """On everybody's objects."""
    assert authorize(ANN, action, OTTOS).allowed


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("principal", [ANN, UMA, VIC], ids=lambda p: p.role.value)
def test_a_key_without_the_scope_opens_nothing(action: Action, principal: Principal) -> None:
    """Whatever the role of its user, and on objects of its own."""
    need = NEEDS[action].scope
    if need is None:
        return
    narrow = Principal(principal.name, principal.role, ALL_SCOPES - {need})
    own = ObjectRef("cluster", "mine", principal.name)
    assert authorize(narrow, action, own) is Decision.WRONG_SCOPE


@pytest.mark.parametrize(
    ("principal", "action", "target", "grants", "decision"),
    [
        pytest.param(UMA, Action.CLUSTER_DELETE, UMAS, (), Decision.ALLOWED, id="own"),
        pytest.param(UMA, Action.CLUSTER_READ, OTTOS, (), Decision.HIDDEN, id="another's"),
        pytest.param(UMA, Action.CLUSTER_DELETE, OTTOS, (), Decision.HIDDEN, id="another's-delete"),
        pytest.param(UMA, Action.CLUSTER_READ, NOBODYS, (), Decision.HIDDEN, id="nobody's"),
        pytest.param(
            UMA, Action.CLUSTER_READ, OTTOS, granted(Right.READ), Decision.ALLOWED, id="read-grant"
        ),
        pytest.param(
            UMA, Action.CLUSTER_USE, OTTOS, granted(Right.READ), Decision.NOT_GRANTED, id="read-use"
        ),
        pytest.param(
            UMA, Action.CLUSTER_USE, OTTOS, granted(Right.USE), Decision.ALLOWED, id="use-grant"
        ),
        pytest.param(
            UMA, Action.CLUSTER_EDIT, OTTOS, granted(Right.EDIT), Decision.ALLOWED, id="edit-grant"
        ),
        pytest.param(
            UMA,
            Action.CLUSTER_DELETE,
            OTTOS,
            granted(Right.EDIT),
            Decision.NOT_GRANTED,
            id="edit-is-not-own",
        ),
        pytest.param(
            UMA,
            Action.CLUSTER_READ,
            OTTOS,
            granted(Right.EDIT, kind="workflow"),
            Decision.HIDDEN,
            id="grant-of-another-kind",
        ),
        pytest.param(
            UMA,
            Action.CLUSTER_READ,
            OTTOS,
            granted(Right.EDIT, name="cloud-2"),
            Decision.HIDDEN,
            id="grant-of-a-longer-name",
        ),
        pytest.param(
            VIC, Action.CLUSTER_READ, OTTOS, granted(Right.READ), Decision.ALLOWED, id="viewer-read"
        ),
        pytest.param(
            VIC,
            Action.CLUSTER_POWER,
            OTTOS,
            granted(Right.EDIT),
            Decision.WRONG_ROLE,
            id="viewer-never-acts",
        ),
        pytest.param(
            VIC, Action.CLUSTER_POWER, OTTOS, (), Decision.HIDDEN, id="viewer-learns-nothing"
        ),
        pytest.param(VIC, Action.RUN_LAUNCH, None, (), Decision.WRONG_ROLE, id="viewer-launch"),
        pytest.param(UMA, Action.USER_EDIT, None, (), Decision.WRONG_ROLE, id="user-administers"),
    ],
)
def test_decisions(
    principal: Principal,
    action: Action,
    target: ObjectRef | None,
    grants: tuple[Granted, ...],
    decision: Decision,
) -> None:
    """Each line of the table is one rule of the security page."""
    assert authorize(principal, action, target, grants) is decision


def test_a_read_key_reads_and_no_more() -> None:
    """The scope of most keys."""
    key = Principal("uma", Role.USER, frozenset({Scope.READ}), "key:x")
    allowed = {action for action in Action if authorize(key, action, UMAS).allowed}
    assert {action.value.rpartition(".")[2] for action in allowed} == {"read"}
