"""The inner loop of the compiled recursions: sparse matrix times vectors, kept in registers.

Lanes are rows of a batch that are worked on side by side. LLVM vectorises the loop over lanes, but keeps the running
sum of a loop over transitions in memory unless it is told that the sum is one vector; this says so, and takes a third
to a thirtieth of the time of plain loops. Rows of the matrix with much the same columns are multiplied together, so
that a vector loaded once serves all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

TOGETHER = 4
"""Rows of the matrix multiplied together: their sums take eight of a CPU's sixteen vector registers."""
LANES = {"float32": 16, "float64": 8}
"""Rows of the batch side by side: two vector registers of 256 bits in each precision."""


class Bundles(NamedTuple):
    """A sparse matrix, its rows bundled.

    Attributes:
        offset: (C + 1,) int64; bundle c has the columns offset[c] … offset[c + 1] − 1.
        column: (U,) int32.
        value: (U, TOGETHER); zero where a row lacks a column of its bundle.
        row: (C, TOGETHER) int64; N, one beyond the last row, fills the last bundle up.
    """

    offset: Int[np.ndarray, " C+1"]
    column: Int[np.ndarray, " U"]
    value: Float[np.ndarray, "U R"]
    row: Int[np.ndarray, "C R"]

    @classmethod
    def of(
        cls, row: Int[np.ndarray, " E"], column: Int[np.ndarray, " E"], value: Float[np.ndarray, " E"], rows: int
    ) -> Bundles:
        """Bundle the entries of a matrix of so many rows; rows of equal columns come together."""
        order = np.lexsort((column, row))
        row, column, value = row[order], column[order], value[order]
        begin = np.searchsorted(row, np.arange(rows + 1))
        alike = sorted(range(rows), key=lambda i: column[begin[i] : begin[i + 1]].tobytes())
        members = np.full(-(-rows // TOGETHER) * TOGETHER, rows)
        members[:rows] = alike
        place = np.empty(rows, dtype=np.int64)
        place[alike] = np.arange(rows)
        bundle, member = np.divmod(place[row], TOGETHER)
        width = int(column.max(initial=0)) + 1
        codes, slot = np.unique(bundle * width + column, return_inverse=True)
        values = np.zeros((len(codes), TOGETHER), dtype=value.dtype)
        values[slot, member] = value
        offset = np.searchsorted(codes // width, np.arange(len(members) // TOGETHER + 1))
        return cls(offset, (codes % width).astype(np.int32), values, members.reshape(-1, TOGETHER))


@intrinsic
def multiply(  # type: ignore[no-untyped-def]
    typing_context, offset, column, value, row, vector, scale, least, mass, result
) -> tuple[Any, Callable[..., Any]]:
    """For each row i and lane k: result[i, k] = scale[k] · Σ_j matrix[i, j] · vector[j, k].

    Args:
        typing_context: Numba's.
        offset: The matrix, as in `Bundles`.
        column: The same.
        value: The same.
        row: The same.
        vector: (M, lanes) real.
        scale: (lanes,) real.
        least: (lanes,) real; lowered to the least positive result.
        mass: (lanes,) real; becomes the sum of the results.
        result: (N + 1, lanes) real, another array than `vector`; the last row is scrap.
    """
    signature = types.void(offset, column, value, row, vector, scale, least, mass, result)
    lanes, alignment = LANES[str(value.dtype)], value.dtype.bitwidth // 8

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        arrays = [context.make_array(t)(context, builder, a) for t, a in zip(signature.args, arguments, strict=True)]
        offsets, columns, values, rows, vectors, scales, leasts, masses, results = (array.data for array in arrays)
        whole, register = ir.IntType(64), ir.VectorType(context.get_data_type(value.dtype), lanes)
        undefined = ir.Constant(register, ir.Undefined)
        zeros, ones = ir.Constant(register, [0.0] * lanes), ir.Constant(register, [1.0] * lanes)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)

        def element(data, index):  # type: ignore[no-untyped-def]
            return builder.load(builder.gep(data, [index]))

        def place(data, index):  # type: ignore[no-untyped-def]
            return builder.bitcast(builder.gep(data, [builder.mul(index, whole(lanes))]), register.as_pointer())

        def load(data, index):  # type: ignore[no-untyped-def]
            loaded = builder.load(place(data, index))
            loaded.align = alignment
            return loaded

        def store(vector, data, index):  # type: ignore[no-untyped-def]
            builder.store(vector, place(data, index)).align = alignment

        def spread(number):  # type: ignore[no-untyped-def]
            first = builder.insert_element(undefined, number, ir.IntType(32)(0))
            return builder.shuffle_vector(first, undefined, everywhere)

        def member(index, i):  # type: ignore[no-untyped-def]
            return builder.add(builder.mul(index, whole(TOGETHER)), whole(i))

        bundles = builder.sub(builder.extract_value(arrays[0].shape, 0), whole(1))
        factor = load(scales, whole(0))
        smallest = cgutils.alloca_once_value(builder, load(leasts, whole(0)))
        overall = cgutils.alloca_once_value(builder, zeros)
        sums = [cgutils.alloca_once(builder, register) for _ in range(TOGETHER)]
        with cgutils.for_range(builder, bundles) as loop:
            for total in sums:
                builder.store(zeros, total)
            begin, end = element(offsets, loop.index), element(offsets, builder.add(loop.index, whole(1)))
            with cgutils.for_range_slice(builder, begin, end, whole(1)) as (entry, _):
                weights = load(vectors, builder.sext(element(columns, entry), whole))
                for i, total in enumerate(sums):
                    term = builder.fmul(spread(element(values, member(entry, i))), weights, flags=("contract",))
                    builder.store(builder.fadd(builder.load(total), term, flags=("contract",)), total)
            for i, total in enumerate(sums):
                weight = builder.fmul(builder.load(total), factor)
                store(weight, results, element(rows, member(loop.index, i)))
                builder.store(builder.fadd(builder.load(overall), weight), overall)
                positive = builder.select(builder.fcmp_ordered(">", weight, zeros), weight, ones)
                lowest = builder.load(smallest)
                builder.store(builder.select(builder.fcmp_ordered("<", positive, lowest), positive, lowest), smallest)
        store(builder.load(smallest), leasts, whole(0))
        store(builder.load(overall), masses, whole(0))
        return context.get_dummy_value()

    return signature, generate
