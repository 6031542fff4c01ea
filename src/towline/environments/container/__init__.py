"""Kind `container`: workers run inside an image, with the script's own Parsl laid over it."""

from towline.environments.container.plan import plan_container

__all__ = ["plan_container"]
