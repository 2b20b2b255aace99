"""What is not appended to: datasets of another robot, of other columns, and damaged ones."""

import json
from pathlib import Path
from typing import Any

import pytest
import recorder_scene
from recorder_scene import Scene
from recorder_stage import config

from recorder.catalogue import Catalogue
from recorder.compatibility import MismatchError
from recorder.finish import finished
from recorder.layout import INFO
from recorder.main import main

SCENE = Scene(seconds=0.6, cameras=("cam_high",))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"robot": "another"}, "robot aloha, this is another"),
        ({"rate_hz": 50}, "frames a second 30, this is 50"),
        ({"cameras": ("cam_low",)}, "cameras"),
        ({"joints": ("left_waist", "right_waist")}, "joints"),
        ({"twin": False}, "simulated by the twin True, this is False"),
    ],
)
def test_a_dataset_of_another_robot_is_not_appended_to(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    finished(Catalogue(tmp_path), recorder_scene.write(tmp_path, SCENE))
    other = config(tmp_path, SCENE, twin=True).model_copy(update=change)
    with pytest.raises(MismatchError, match=said):
        main(other, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"complementary_info.surprise": {"dtype": "bool", "shape": [1], "names": None}},
            "surprise",
        ),
        ({"subtask_index": None}, "differs in the columns subtask_index"),
    ],
)
def test_a_dataset_of_other_columns_is_not_appended_to(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    finished(Catalogue(tmp_path), recorder_scene.write(tmp_path, SCENE))
    info = json.loads((tmp_path / INFO).read_text(encoding="utf-8"))
    features = info["features"] | change
    info["features"] = {name: feature for name, feature in features.items() if feature}
    (tmp_path / INFO).write_text(json.dumps(info), encoding="utf-8")
    with pytest.raises(MismatchError, match=said):
        main(config(tmp_path, SCENE), None)  # type: ignore[arg-type]


def test_a_dataset_that_is_damaged_is_not_appended_to(tmp_path: Path) -> None:
    finished(Catalogue(tmp_path), recorder_scene.write(tmp_path, SCENE))
    (tmp_path / "meta/info.json").write_text("{", encoding="utf-8")
    with pytest.raises(MismatchError, match="repair"):
        main(config(tmp_path, SCENE), None)  # type: ignore[arg-type]
