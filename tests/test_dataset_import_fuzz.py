"""Whatever lies in an HDF5 file: it is imported as it was meant, or refused in one clear line."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import pytest
from act_files import (
    ACTION,
    CAMERA,
    LENGTH,
    QPOS,
    STATE,
    act_file,
    encoded,
    in_vlen,
    padded,
    pictures,
)
from dataset_tools import ran
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import layout
from recorder.dataset import Dataset, vectors

SMALL: Final = pictures(16, 18)
CODEC: Final = 25.0  # of 255: small pictures lose much at their edges
JPEGS: Final = padded(encoded(SMALL, ".jpg"))
KINDS: Final = ["u1", "i1", "u2", ">i4", "u8", "f2", "f4", ">f8", "f8", "c8", "?", "S5", "V7"]
PICTURES: Final[list[Any]] = [
    SMALL,
    SMALL.astype("f4"),
    SMALL / 255,
    SMALL.astype("u2") * 257,
    np.moveaxis(SMALL, -1, 1),
    JPEGS,
    padded(encoded(SMALL[..., ::-1], ".png")),
    lambda root, key: in_vlen(root, key, encoded(SMALL, ".jpg")),
]
ODD: Final[list[Any]] = [
    h5py.SoftLink("/action"),
    h5py.SoftLink("/x"),
    h5py.SoftLink("/"),
    h5py.ExternalLink("nowhere.hdf5", "/x"),
    h5py.Empty("f8"),
    None,
    lambda root, key: root.create_group(key),
    np.zeros(LENGTH, [("left", "f8"), ("right", "i2", (2,))]),
]
ATTRIBUTES: Final[list[Any]] = [h5py.Empty("f4"), ["a", "b"], [30.0], [[30]], "30", b"25", b"\xff"]

numbers = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 255.0, 7.0, -1e-9, 1e300]))
shapes = st.lists(st.sampled_from([0, 1, 3, 4, 5, 14, 16]), max_size=5).map(tuple)
sides = st.tuples(st.just("cut"), st.integers(0, 3), st.integers(0, 1), st.integers(2, 5))
# What lies at a key, told briefly.
recipes = st.one_of(
    st.tuples(st.just("picture"), st.integers(0, len(PICTURES) - 1)),
    st.tuples(st.just("one"), st.integers(0, 4000), numbers),
    st.tuples(st.just("times"), st.floats(1e-3, 1e5)),
    st.tuples(st.just("byte"), st.integers(0, JPEGS.size - 1), st.integers(0, 255)),
    st.tuples(st.just("odd"), st.integers(0, len(ODD) - 1)),
    st.tuples(st.just("kind"), st.sampled_from(KINDS)),
    st.tuples(st.just("array"), st.sampled_from(KINDS), shapes, st.integers(0, 9)),
    sides,
)
keys = st.sampled_from(
    [QPOS, ACTION, CAMERA, CAMERA, "/observations/images/cam_low", "/observations/depth/cam",
     "/compress_len", "/x"]
)  # fmt: skip
attributes = st.dictionaries(
    st.sampled_from(["sim", "fps", "task", "outcome", "joints", "colours", "compress", "other"]),
    st.one_of(
        st.text(max_size=5), st.binary(max_size=5), st.integers(-5, 99), numbers, st.booleans(),
        st.sampled_from(ATTRIBUTES),
    ),
    max_size=2,
)  # fmt: skip


def cooked(key: str, recipe: tuple[Any, ...]) -> Any:
    """Return what lies at `key`."""
    usual: Any = SMALL if "images" in key else STATE
    match recipe:
        case "picture", at:
            return PICTURES[at]
        case "one", place, number:
            spoilt = usual.astype(np.float64)
            spoilt.reshape(-1)[place % usual.size] = number
            return spoilt
        case "times", factor:
            return usual * factor
        case "byte", place, value:
            spoilt = JPEGS.copy()
            spoilt.reshape(-1)[place] = value
            return spoilt
        case "odd", at:
            return ODD[at]
        case "kind", kind:
            return usual.astype(kind)
        case "array", kind, shape, seed:
            return np.random.default_rng(seed).integers(0, 9, shape).astype(kind)
        case _, axis, low, high:
            return usual.take(range(low, high), min(axis, usual.ndim - 1), mode="clip")


@settings(max_examples=30)
@given(st.dictionaries(keys, recipes, max_size=2), attributes)
def test_it_is_imported_as_it_was_meant_or_refused(
    changes: dict[str, tuple[Any, ...]], said: dict[str, Any]
) -> None:
    with np.errstate(all="ignore"):
        content = {CAMERA: SMALL} | {key: cooked(key, told) for key, told in changes.items()}
    with tempfile.TemporaryDirectory() as folder:
        file, new = Path(folder) / "a.hdf5", Path(folder) / "new"
        try:
            act_file(file, content, said)
        except (TypeError, ValueError, OSError, RuntimeError):
            return  # the library cannot write that
        done = ran("import", "hdf5", new, file)
        if done.code:
            assert str(file) in done.said
            assert len(done.said.splitlines()) == 1
            assert not new.exists()
            return
        checked = ran("check", new)
        assert checked.code == 0, checked.said
        dataset = Dataset(new)
        with h5py.File(file) as root:
            for key, column in ((QPOS, layout.STATE), (ACTION, layout.ACTION)):
                expected = np.asarray(root[key][()], np.float32)
                np.testing.assert_array_equal(vectors(dataset.table(0)[column]), expected)
        if "colours" not in said and changes.get(CAMERA, ("picture",))[0] == "picture":
            shown = np.stack(list(dataset.frames(0, "cam_high"))).astype(float)
            assert np.abs(shown - SMALL).mean(axis=(1, 2)).max() < CODEC


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_is_imported_or_refused_in_one_line(tmp_path: Path, seed: int) -> None:
    file, new = act_file(tmp_path / "a.hdf5", {CAMERA: JPEGS}), tmp_path / "new"
    draw = np.random.default_rng(seed)
    data = np.fromfile(file, np.uint8)
    ends = np.concatenate([np.arange(4096), np.arange(len(data) - 4096, len(data))])
    data[draw.choice(ends, 8)] = draw.integers(0, 256, 8)  # where most is said of what lies where
    data[: draw.integers(1, len(data)) if seed % 4 == 0 else len(data)].tofile(file)
    done = ran("import", "hdf5", new, file)
    if done.code:
        assert str(file) in done.said
        assert len(done.said.splitlines()) == 1
    assert new.exists() == (done.code == 0)
