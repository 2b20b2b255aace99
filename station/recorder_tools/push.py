"""`push`: a dataset to the Hugging Face hub, if its client is installed and the hub is reached."""

from __future__ import annotations

import argparse
from typing import Any, Final

from recorder import advice
from recorder.dataset import Dataset
from recorder.layout import CODEBASE_VERSION
from station.recorder_tools.task import Task, ToolError, add_directory, counted

# What a recording keeps beside the dataset; nobody else can use it.
_KEPT_HERE: Final = ["journal/**", "discarded/**", "aside/**", "*.lock", "**/*.part"]
_NAME_PARTS: Final = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    add_directory(parser)
    parser.add_argument("name", metavar="OWNER/NAME", help="what it shall be called there")
    parser.add_argument("--public", action="store_true", help="for everybody; else only for you")


def run(task: Task) -> int:
    """Upload the dataset; returns 0.

    Raises:
        ToolError: the client is not installed, the hub cannot be reached or refuses, or the dataset
            is not whole.
    """
    name: str = task.options.name
    if len(name.split("/")) != _NAME_PARTS:
        raise ToolError(f"{name!r} is no name on a hub: give OWNER/NAME, such as lab/cube_transfer")
    hub = _client()
    dataset = task.dataset()
    _demand_whole(dataset)
    try:
        api = hub.HfApi()
        api.create_repo(name, repo_type="dataset", private=not task.options.public, exist_ok=True)
        # Readers of the format ask for a tag of its version.
        api.upload_folder(
            folder_path=task.directory,
            repo_id=name,
            repo_type="dataset",
            ignore_patterns=_KEPT_HERE,
            commit_message=counted(len(dataset.episodes()), "episode"),
        )
        api.create_tag(name, tag=CODEBASE_VERSION, repo_type="dataset", exist_ok=True)
    except Exception as error:
        raise ToolError(
            f"the hub was not reached, or refused: {error}\n  log in with `hf auth login`, see that"
            " this machine reaches https://huggingface.co or set HF_ENDPOINT to your own hub; the"
            " dataset here is as it was"
        ) from error
    task.say(f"pushed {counted(len(dataset.episodes()), 'episode')} to {name}")
    return 0


def _client() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ToolError(
            "pushing needs the hub's client: pip install 'evenhand[hub]'; the dataset is an"
            " ordinary folder, which can be copied as well"
        ) from error
    return huggingface_hub


def _demand_whole(dataset: Dataset) -> None:
    if faults := dataset.verify():
        raise ToolError(
            f"{dataset.directory} is not whole: {faults[0].where}: {faults[0].what}; see all by"
            f" {advice.check(dataset.directory)}"
        )
