"""Kind `uv`: an environment locked by uv in the workspace, from wheels only."""

from towline.environments.uv.plan import plan_uv

__all__ = ["plan_uv"]
