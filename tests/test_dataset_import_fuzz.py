"""Whatever lies in an HDF5 file: it is imported as it was meant, or refused in one clear line."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
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
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recorder import layout
from recorder.dataset import Dataset, vectors

SMALL = pictures(16, 18)
CODEC = 25.0

shapes = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=16)
kinds = st.sampled_from(
    ["u1", "i1", "u2", ">i4", "u8", "f2", "f4", ">f8", "f8", "c8", "?", "S5", "V7"]
)
arrays = kinds.flatmap(lambda kind: hnp.arrays(kind, shapes))
compound = st.just(np.zeros(LENGTH, [("left", "f8"), ("right", "i2", (2,))]))
links = st.sampled_from(
    [
        h5py.SoftLink("/action"),
        h5py.SoftLink("/x"),
        h5py.SoftLink("/"),
        h5py.ExternalLink("nowhere.hdf5", "/x"),
        h5py.Empty("f8"),
        None,
    ]
)
groups = st.just(lambda root, key: root.create_group(key))


def casts(values: Any, *dtypes: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([values.astype(dtype) for dtype in dtypes])


def one_changed(values: Any) -> st.SearchStrategy[Any]:
    """Values of which one is any number at all."""
    at = st.integers(0, values.size - 1)
    return st.builds(
        lambda place, number: np.where(
            np.arange(values.size).reshape(values.shape) == place, number, values
        ),
        at,
        st.floats(),
    )


positions = st.one_of(
    casts(STATE, "f4", "f8", ">f8"),
    one_changed(STATE),
    st.builds(lambda axis, low, high: STATE.take(range(low, high), axis),
              st.integers(0, 1), st.integers(0, 1), st.integers(2, 5)),
    st.floats(1e-3, 1e5).map(lambda factor: STATE * factor),
)  # fmt: skip
GOOD: list[Any] = [
    SMALL,
    SMALL.astype("f4"),
    SMALL / 255,
    SMALL.astype("u2") * 257,
    np.moveaxis(SMALL, -1, 1),
    padded(encoded(SMALL, ".jpg")),
    padded(encoded(SMALL[..., ::-1], ".png")),
    lambda root, key: in_vlen(root, key, encoded(SMALL, ".jpg")),
]
good_images = st.sampled_from(GOOD)
spoilt_images = st.one_of(
    one_changed(SMALL),
    st.floats(1e-3, 1e3).map(lambda factor: SMALL * factor),
    st.builds(lambda axis, low, high: SMALL.take(range(low, high), axis),
              st.integers(0, 3), st.integers(0, 1), st.integers(2, 5)),
    st.builds(lambda at, value: flipped(at, value), st.integers(0, 10**6), st.integers(0, 255)),
)  # fmt: skip


def flipped(at: int, value: int) -> Any:
    """Image files of which one byte is another."""
    files = padded(encoded(SMALL, ".jpg")).copy()
    files.reshape(-1)[at % files.size] = value
    return files


anything = st.one_of(arrays, compound, links, groups)
values = st.one_of(
    st.text(max_size=9), st.binary(max_size=9), st.integers(-(2**63), 2**63 - 1), st.floats(),
    st.booleans(), st.sampled_from([h5py.Empty("f4"), ["a", "b"], [30.0], "30", b"25", "true"]),
    hnp.arrays(st.sampled_from(["f4", "i2", "S3", "?"]), hnp.array_shapes(min_dims=1, max_dims=2)),
)  # fmt: skip
cameras = st.one_of(good_images, good_images, spoilt_images, anything)
changes = st.lists(
    st.one_of(
        st.tuples(st.just(CAMERA), cameras),
        st.tuples(st.just("/observations/images/cam_low"), cameras),
        st.tuples(st.sampled_from([QPOS, ACTION]), st.one_of(positions, anything)),
        st.tuples(st.sampled_from(["/observations/depth/cam", "/compress_len", "/x"]), anything),
    ),
    max_size=2,
).map(lambda pairs: {CAMERA: SMALL} | dict(pairs))
attributes = st.dictionaries(
    st.sampled_from(["sim", "fps", "task", "outcome", "joints", "colours", "compress", "other"]),
    values,
    max_size=3,
)


@given(changes, attributes)
def test_it_is_imported_as_it_was_meant_or_refused(
    content: dict[str, Any], said: dict[str, Any]
) -> None:
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
        table = dataset.table(0)
        with h5py.File(file) as root:
            for key, column in ((QPOS, layout.STATE), (ACTION, layout.ACTION)):
                expected = np.asarray(root[key][()], np.float32)
                np.testing.assert_array_equal(vectors(table[column]), expected)
            if "colours" not in said and any(content[CAMERA] is good for good in GOOD):
                shown = np.stack(list(dataset.frames(0, "cam_high")))
                off = np.abs(shown.astype(float) - SMALL).mean(axis=(1, 2))
                assert off.max() < CODEC
