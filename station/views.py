"""Which cameras a launch needs: the policy's, and those that are recorded."""

from __future__ import annotations

from runtime.plugins import configured, plugin
from station.config import CONFIGS, ConfigError
from station.plugin_options import plugin_config
from station.robot import StationConfig

_WORKER = "policy_worker"


def policy_cameras(config: StationConfig) -> tuple[str, ...]:
    """Return the cameras without which the policy cannot infer, as far as it can be known here.

    Raises:
        ConfigError: the policy cannot tell, for instance as its checkpoint is missing.
    """
    module = plugin("policy_worker.policies", config.policy)
    elsewhere = config.network is not None and _WORKER in config.network.elsewhere
    if elsewhere or not hasattr(module, "cameras"):
        return tuple(config.cameras)  # its files are on another machine, or it does not tell
    where = f"policies.{config.policy}"
    known = {"configs": str(CONFIGS)}
    given = config.policies.get(config.policy, {})
    options = plugin_config("policy_worker.policies", config.policy, given, known, where)
    try:
        wanted = module.cameras(configured(module, options))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    return tuple(name for name in config.cameras if name in wanted)


def filmed_camera(config: StationConfig) -> str:
    """Return the camera whose film the report shows, empty if there is none."""
    return next(iter((*policy_cameras(config), *config.cameras)), "")


def needed_cameras(config: StationConfig) -> tuple[str, ...]:
    """Return the cameras whose pictures go to the policy, into a dataset or the report's film."""
    if config.recorder:
        return tuple(config.cameras)
    needed = {*policy_cameras(config), filmed_camera(config)}
    return tuple(name for name in config.cameras if name in needed)
