"""Kind `conda`: an environment.yml solved and linked here for the cluster, and pushed whole."""

from towline.environments.conda.naming import tell_conda_name
from towline.environments.conda.plan import plan_conda

__all__ = ["plan_conda", "tell_conda_name"]
