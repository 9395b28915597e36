"""The loops of `compiled`: one block of lanes after another, position by position, there and back.

`tables` are its `ChainTables`; arrays over states or tokens have one row more than there are, which is scrap.
"""

from __future__ import annotations

import math

import numpy as np

from languages.compilation import compiled
from languages.inference.forward_backward.sparse_product import multiply

# Multiplying and adding in one instruction is the one liberty that these loops take.
_compiled = compiled(nogil=True, fastmath={"contract"}, error_model="numpy")


@_compiled
def log_laws_of_blocks(first, last, least, tables, tokens, slot, order, row, begin, width, context, law, doubtful):  # type: ignore[no-untyped-def]
    """Log-laws of the segments order[first] … order[last − 1], block by block; as the method."""
    size, vocab_size = tables.size, law.shape[1]
    lanes, longest = tables.lanes, 0
    offset, following, start = tables.start
    for i in range(first, last):
        longest = max(longest, width[order[i]])
    kept = np.empty((longest, size + 1, lanes), law.dtype)
    future, weighed = np.empty((size + 1, lanes), law.dtype), np.empty((size + 1, lanes), law.dtype)
    by_token, allowed = np.empty((vocab_size + 1, lanes), law.dtype), np.empty((vocab_size + 1, lanes), law.dtype)
    ones, scale, mass = np.ones(lanes, law.dtype), np.empty(lanes, law.dtype), np.empty(lanes, law.dtype)
    smallest, ignored = np.empty(lanes, law.dtype), np.empty(lanes, law.dtype)
    seen, asked = np.empty(lanes, np.int64), np.empty(lanes, np.int64)
    for block in range(first, last, lanes):
        many = min(lanes, last - block)
        end, begin_asked, end_asked = 0, longest, 0
        for k in range(many):
            w = order[block + k]
            end = max(end, width[w])
            for j in range(width[w]):
                if slot[row[w], begin[w] + j] >= 0:
                    begin_asked, end_asked = min(begin_asked, j), max(end_asked, j + 1)
        smallest[:] = ones
        kept[0] = 0
        for k in range(many):
            c = context[order[block + k]]
            # A lane without a context keeps weights of zero, and its laws become −inf.
            if c >= 0:
                for e in range(offset[c], offset[c + 1]):
                    kept[0, following[e], k] = start[e]
                    smallest[k] = min(smallest[k], start[e])
        mass[:] = ones
        for j in range(end_asked - 1):
            _look(tokens, order, row, begin, width, block, many, j, vocab_size, seen)
            _weigh(tables, seen, kept[j], allowed, weighed)
            _invert(mass, scale)
            _product(tables.into, weighed, scale, smallest, mass, kept[j + 1])
        # From here on `kept` holds the past of every position, so the future needs no storing.
        future[:] = 1
        mass[:] = ones
        for j in range(end - 1, begin_asked - 1, -1):
            if _look(slot, order, row, begin, width, block, many, j, -1, asked):
                _times(kept[j].ravel(), future.ravel(), weighed.ravel())
                _product(tables.by_token, weighed, ones, ignored, ignored, by_token)
                _write(asked, by_token, law)
            # Nothing left of the first position asked for needs the future.
            if j > begin_asked:
                _look(tokens, order, row, begin, width, block, many, j, vocab_size, seen)
                _weigh(tables, seen, future, allowed, weighed)
                _invert(mass, scale)
                _product(tables.out, weighed, scale, smallest, mass, future)
        for k in range(many):
            doubtful[order[block + k]] = smallest[k] < least


@_compiled
def log_likelihoods_of_blocks(first, last, vocab_size, least, tables, tokens, result, doubtful):  # type: ignore[no-untyped-def]
    """Log-likelihoods of the rows first … last − 1, block by block; as the method."""
    size, length, lanes = tables.size, tokens.shape[1], tables.lanes
    offset, following, start = tables.start
    dtype = tables.into.value.dtype
    state, weighed = np.empty((size + 1, lanes), dtype), np.empty((size + 1, lanes), dtype)
    allowed, seen = np.empty((vocab_size + 1, lanes), dtype), np.full(lanes, vocab_size, np.int64)
    scale, mass, smallest, product = (
        np.empty(lanes, dtype),
        np.empty(lanes, dtype),
        np.empty(lanes, dtype),
        np.empty(lanes),
    )
    for block in range(first, last, lanes):
        many = min(lanes, last - block)
        smallest[:] = 1
        mass[:] = 1
        product[:] = 1
        state[:] = 0
        for e in range(offset[0], offset[1]):
            state[following[e], :] = start[e]
            for k in range(lanes):
                smallest[k] = min(smallest[k], start[e])
        for j in range(length):
            for k in range(many):
                seen[k] = tokens[block + k, j]
            _weigh(tables, seen, state, allowed, weighed)
            # What the last token leads to has no bearing on the likelihood.
            if j < length - 1:
                _invert(mass, scale)
                for k in range(many):
                    product[k] *= mass[k]
                    # The log of every mass would take as long as the recursion.
                    if product[k] < 1e-100:
                        result[block + k] += math.log(product[k])
                        product[k] = 1.0
                _product(tables.into, weighed, scale, smallest, mass, state)
        for k in range(many):
            total = 0.0
            for s in range(size):
                total += weighed[s, k]
            result[block + k] += math.log(product[k]) + math.log(total)
            doubtful[block + k] = smallest[k] < least


@_compiled
def _look(rows, order, row, begin, width, block, many, j, nothing, seen):  # type: ignore[no-untyped-def]
    """Entries of position j of the segments in a block, `nothing` beyond their ends; whether there is any."""
    found = False
    for k in range(len(seen)):
        seen[k] = nothing
    for k in range(many):
        w = order[block + k]
        if j < width[w]:
            seen[k] = rows[row[w], begin[w] + j]
            found |= seen[k] != nothing
    return found


@_compiled
def _weigh(tables, seen, weight, allowed, weighed):  # type: ignore[no-untyped-def]
    """Multiply the weights of each lane by the evidence of its token."""
    size, lanes, hole = tables.size, len(seen), len(allowed) - 1
    # Hidden Markov models: a state emits many tokens. n-grams: it emits one, so a flag for each token is enough.
    if len(tables.evidence) > 0:
        _copy(weight.ravel(), weighed.ravel())
        for k in range(lanes):
            if seen[k] != hole:  # a hole weighs all states alike
                evidence = tables.evidence[seen[k]]
                for s in range(size):
                    weighed[s, k] *= evidence[s]
        return
    for v in range(hole + 1):
        for k in range(lanes):
            allowed[v, k] = 1 if seen[k] == v or seen[k] == hole else 0
    for s in range(size):
        token = tables.token_of[s]
        for k in range(lanes):
            weighed[s, k] = weight[s, k] * allowed[token, k]


@_compiled
def _product(bundles, vector, scale, least, mass, result):  # type: ignore[no-untyped-def]
    """Sparse matrix times vectors; see `multiply`."""
    offset, column, value, row = bundles
    multiply(offset, column, value, row, vector, scale, least, mass, result)


@_compiled
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in range(len(source)):
        target[i] = source[i]


@_compiled
def _times(left, right, result):  # type: ignore[no-untyped-def]
    for i in range(len(left)):
        result[i] = left[i] * right[i]


@_compiled
def _invert(mass, scale):  # type: ignore[no-untyped-def]
    """Factors that undo the masses; zero where nothing is left."""
    zero, one = scale.dtype.type(0), scale.dtype.type(1)
    for k in range(len(mass)):
        scale[k] = one / mass[k] if mass[k] > zero else zero


@_compiled
def _write(asked, weights, law):  # type: ignore[no-untyped-def]
    """Logs of the normalised token weights of the lanes that asked; −inf for zeros."""
    for k in range(len(asked)):
        if asked[k] >= 0:
            total = weights[0, k]
            for v in range(1, law.shape[1]):
                total += weights[v, k]
            for v in range(law.shape[1]):
                law[asked[k], v] = np.log(weights[v, k] / total) if weights[v, k] > 0 else -np.inf
