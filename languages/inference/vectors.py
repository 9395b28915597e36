"""The inner loop of the compiled recursions: sparse matrix times vectors, kept in registers.

Lanes are rows of a batch that are worked on side by side. LLVM vectorises the loop over lanes, but keeps the running
sum of a loop over transitions in memory unless it is told that the sum is one vector; this says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

GROUP = 4
"""Transitions that are added at a time, in a tree, so that one sum does not wait for the other."""
LANES = {"float32": 16, "float64": 8}
"""Rows side by side: two vector registers of 256 bits for each precision."""


@intrinsic
def multiply(  # type: ignore[no-untyped-def]
    typing_context, offset, column, prob, vector, scale, least, mass, result
) -> tuple[Any, Callable[..., Any]]:
    """For each row i and lane k: result[i, k] = scale[k] · Σ_e prob[e] · vector[column[e], k], e in the list of row i.

    Args:
        typing_context: Numba's.
        offset: (N + 1,) int64; the list of row i is offset[i] … offset[i + 1] − 1, a multiple of `GROUP` long.
        column: (E,) int32.
        prob: (E,) real; padding has probability zero.
        vector: (M, lanes) real.
        scale: (lanes,) real.
        least: (lanes,) real; lowered to the least positive result.
        mass: (lanes,) real; becomes the sum of the results.
        result: (N, lanes) real, another array than `vector`.
    """
    signature = types.void(offset, column, prob, vector, scale, least, mass, result)
    lanes, alignment = LANES[str(prob.dtype)], prob.dtype.bitwidth // 8

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        arrays = [context.make_array(t)(context, builder, a) for t, a in zip(signature.args, arguments, strict=True)]
        offsets, columns, probs, vectors, scales, leasts, masses, results = (array.data for array in arrays)
        whole, register = ir.IntType(64), ir.VectorType(context.get_data_type(prob.dtype), lanes)
        undefined, fast = ir.Constant(register, ir.Undefined), ("contract",)
        zeros, ones = ir.Constant(register, [0.0] * lanes), ir.Constant(register, [1.0] * lanes)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)

        def element(data, index):  # type: ignore[no-untyped-def]
            return builder.load(builder.gep(data, [index]))

        def place(data, row):  # type: ignore[no-untyped-def]
            return builder.bitcast(builder.gep(data, [builder.mul(row, whole(lanes))]), register.as_pointer())

        def load(data, row):  # type: ignore[no-untyped-def]
            loaded = builder.load(place(data, row))
            loaded.align = alignment
            return loaded

        def store(value, data, row):  # type: ignore[no-untyped-def]
            builder.store(value, place(data, row)).align = alignment

        def spread(value):  # type: ignore[no-untyped-def]
            first = builder.insert_element(undefined, value, ir.IntType(32)(0))
            return builder.shuffle_vector(first, undefined, everywhere)

        rows = builder.sub(builder.extract_value(arrays[0].shape, 0), whole(1))
        factor = load(scales, whole(0))
        smallest = cgutils.alloca_once_value(builder, load(leasts, whole(0)))
        total, overall = cgutils.alloca_once(builder, register), cgutils.alloca_once_value(builder, zeros)
        with cgutils.for_range(builder, rows) as loop:
            builder.store(zeros, total)
            begin, end = element(offsets, loop.index), element(offsets, builder.add(loop.index, whole(1)))
            with cgutils.for_range_slice(builder, begin, end, whole(GROUP)) as (first, _):
                terms = []
                for i in range(GROUP):
                    entry = builder.add(first, whole(i))
                    weights = load(vectors, builder.sext(element(columns, entry), whole))
                    terms.append(builder.fmul(spread(element(probs, entry)), weights, flags=fast))
                while len(terms) > 1:
                    terms = [builder.fadd(*terms[i : i + 2], flags=fast) for i in range(0, len(terms), 2)]
                builder.store(builder.fadd(builder.load(total), terms[0], flags=fast), total)
            value = builder.fmul(builder.load(total), factor)
            store(value, results, loop.index)
            builder.store(builder.fadd(builder.load(overall), value), overall)
            positive = builder.select(builder.fcmp_ordered(">", value, zeros), value, ones)
            lowest = builder.load(smallest)
            builder.store(builder.select(builder.fcmp_ordered("<", positive, lowest), positive, lowest), smallest)
        store(builder.load(smallest), leasts, whole(0))
        store(builder.load(overall), masses, whole(0))
        return context.get_dummy_value()

    return signature, generate
