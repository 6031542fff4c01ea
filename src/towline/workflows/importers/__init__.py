"""Workflows of 2022's ``workflow.xml`` and ``executors.json``, and how its clients name inputs."""

from __future__ import annotations

from towline.workflows.importers.importing import Imported, import_workflow
from towline.workflows.importers.payload_2022 import inputs_of_payload
from towline.workflows.importers.report import Fate, ReportLine

__all__ = ["Fate", "Imported", "ReportLine", "import_workflow", "inputs_of_payload"]
