"""Columns of a dataset's tables as arrays, and whether they hold what `info.json` says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recorder.features import Feature, Kind

_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    **{name: getattr(pa, name)() for name in ("int8", "int16", "int32", "int64")},
    **{name: getattr(pa, name)() for name in ("uint8", "uint16", "uint32", "uint64")},
}


class ColumnError(ValueError):
    """A column that does not hold what its dataset says; says what it holds."""


def conformed(column: pa.ChunkedArray, feature: Feature) -> pa.ChunkedArray:
    """Return a column of numbers or texts as `info.json` declares it.

    Whole numbers are given the declared type where that loses nothing; one a frame may be kept as
    a list of one. What is neither numbers nor texts is returned as it is.

    Raises:
        ColumnError: it holds something else, nothing in some rows, or too few or many values.
    """
    if feature.kind is Kind.TEXT:
        return _texts(column)
    if feature.kind is not Kind.NUMBERS:
        return column
    if column.null_count:
        raise ColumnError(f"holds nothing in {column.null_count} of {len(column)} rows")
    if len(feature.shape) > 1:
        _demand(is_list(column.type), column, "lists")
        return column
    if not is_list(column.type):
        _demand(feature.width == 1, column, f"{feature.width} values a row")
        return _cast(column, feature)
    given = _flat(column, feature.width)
    values = _cast(pa.chunked_array([given]), feature)
    if feature.shape in ((), (1,)):
        return values
    if values.type == given.type:
        return column
    array = values.combine_chunks()
    return pa.chunked_array([pa.FixedSizeListArray.from_arrays(array, feature.width)])


def is_list(kind: pa.DataType) -> bool:
    """Return whether each row of a column of this type is a list."""
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def vectors(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column of numbers or of equally long lists of them as (T, J)."""
    if not is_list(column.type):
        return np.asarray(column.to_numpy()).reshape(len(column), -1)
    flat = column.combine_chunks()
    values = flat.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(column), -1) if len(column) else np.empty((0, 0))


def numbers(column: pa.ChunkedArray) -> NDArray[Any] | None:
    """Return a column's values, (T,) or (T, J); None if it holds no numbers, or not in each row."""
    kind = column.type
    if column.null_count or not _is_number(kind.value_type if is_list(kind) else kind):
        return None
    if not is_list(kind):
        return np.asarray(column.to_numpy())
    lengths = pc.list_value_length(column).unique()
    if len(lengths) != 1 or column.combine_chunks().flatten().null_count:
        return None
    return vectors(column)


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    )


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    _demand(pa.types.is_string(kind) or pa.types.is_large_string(kind), column, "texts")
    return column.cast(pa.string())


def _flat(column: pa.ChunkedArray, width: int) -> pa.Array:
    """Return the values of all rows, each of which has `width` of them."""
    lengths = pc.list_value_length(column)
    wrong = pc.index(pc.not_equal(lengths, width), True).as_py()
    if wrong >= 0:
        raise ColumnError(f"has {lengths[wrong].as_py()} values in row {wrong}, not {width}")
    flat = column.combine_chunks().flatten()
    if flat.null_count:
        raise ColumnError(f"holds nothing in {flat.null_count} of its values")
    return flat


def _cast(column: pa.ChunkedArray, feature: Feature) -> pa.ChunkedArray:
    wanted = _TYPES[feature.dtype]
    floats = pa.types.is_floating(column.type) and pa.types.is_floating(wanted)
    if column.type == wanted or floats:  # fewer digits would be another value
        return column
    kinds = (pa.types.is_boolean, pa.types.is_integer, _is_number)
    ranks = [
        next((at for at, is_it in enumerate(kinds) if is_it(kind)), None)
        for kind in (column.type, wanted)
    ]
    _demand(ranks[0] is not None and (ranks[0] == 0) == (ranks[1] == 0), column, feature.dtype)
    try:
        return column.cast(wanted)
    except pa.ArrowException as error:
        raise ColumnError(f"holds {column.type} that is no {feature.dtype}: {error}") from error


def _demand(good: bool, column: pa.ChunkedArray, wanted: str) -> None:
    if not good:
        raise ColumnError(f"holds {column.type}, and info.json says {wanted}")
