"""The gallery of workflows."""

from __future__ import annotations

from collections import Counter

import anyio.to_thread
from fastapi import Request
from starlette.responses import Response

from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.pages.rendering import page
from towline.server.routing import Router
from towline.workflows import Installed

router = Router(prefix="/workflows", tags=["pages"], below="", include_in_schema=False)

MOST_TAGS = 12


def fits(workflow: Installed, text: str, tag: str) -> bool:
    """Return whether a workflow is looked for."""
    about = workflow.definition
    where = "\n".join((workflow.name, workflow.title, about.description, *about.tags))
    return (not tag or tag in about.tags) and text.casefold() in where.casefold()


@router.get("", rule=Rule(Action.WORKFLOW_READ))
async def show_workflows(
    request: Request, services: ServicesDep, caller: CallerDep, text: str = "", tag: str = ""
) -> Response:
    """Show all workflows that one may see."""
    every: list[Installed] = await anyio.to_thread.run_sync(services.catalog.list)
    seen = [
        each
        for each in every
        if caller.may(Action.WORKFLOW_READ, caller.ref("workflow", each.name))
    ]
    tags = Counter(word for each in seen for word in each.definition.tags)
    return page(
        request,
        "workflows/list.html",
        workflows=[each for each in seen if fits(each, text.strip(), tag)],
        some=bool(seen),
        text=text[:200],
        tag=tag[:100],
        tags=[word for word, _ in tags.most_common(MOST_TAGS)],
        may_add=caller.may(Action.WORKFLOW_INSTALL),
    )
