from .fault import Fault

ENUMERATION = "mdmtheory/exact/enumeration"
MARKOV = "mdmtheory/exact/markov"
TEST_ONE_ROUND = "tests/mdmtheory/exact/test_one_round.py"
TEST_ENUMERATION = "tests/mdmtheory/exact/test_enumeration.py"

FAULTS: list[Fault] = [
    Fault(
        "a sequence whose probability underflows counts as impossible",
        f"{ENUMERATION}/enumerated_law.py",
        "self.probs[self._log_truth(language).isneginf()].sum()",
        "self.probs[self._log_truth(language).exp() == 0].sum()",
        f"{TEST_ENUMERATION}::test_what_is_rare_is_not_impossible",
    ),
    Fault(
        "the law of a sampler is taken as linear where its products underflow",
        f"{ENUMERATION}/reveals.py",
        "SAFE = -690.0",
        "SAFE = -1e9",
        f"{TEST_ENUMERATION}::test_what_is_never_written_is_told_from_what_underflows",
    ),
    Fault(
        "conflicts of a language are decided by probabilities that may underflow",
        "languages/information/enumeration.py",
        "    there = codes[place] == wanted\n",
        "    there = (codes[place] == wanted) & (probs[place] > 0)\n",
        "tests/languages/information/test_curves.py::test_what_is_rare_is_no_conflict",
    ),
    Fault(
        "one round draws tokens of the support by their number instead of their marginals",
        "mdmtheory/exact/one_round.py",
        "mass[source] * law[token])",
        "mass[source] / language.vocab_size)",
        f"{TEST_ONE_ROUND}::test_one_round_against_all_sequences",
    ),
    Fault(
        "blocks of a 3-gram draw every token from the law of the first",
        f"{MARKOV}/left_to_right.py",
        "        ahead = forward @ ahead\n        yield emission.T @ ahead\n",
        "        yield emission.T @ (forward @ ahead)\n",
        f"{TEST_ONE_ROUND}::test_blocks_of_any_ngram_against_all_sequences",
    ),
    Fault(
        "fixed sizes are read off one root of unity too few",
        f"{MARKOV}/fixed_sizes.py",
        "points, total = length + 1, 0j",
        "points, total = length // 2 + 1, 0j",
        f"{TEST_ONE_ROUND}::test_fixed_sizes_against_the_mean_over_orders "
        f"{TEST_ONE_ROUND}::test_fixed_sizes_are_a_mean_of_bernoulli_reveals",
    ),
    Fault(
        "a sampler without error is judged by the pruned language instead of its parent",
        f"{MARKOV}/generative.py",
        "edges, judge = language.automaton, language.parent if language.parent is not None else language",
        "edges, judge = language.automaton, language",
        f"{TEST_ONE_ROUND}::test_samplers_without_error_are_judged_by_the_parent",
    ),
    Fault(
        "a kernel with a greedy finish passes for a Bernoulli scheme",
        "mdmtheory/exact/methods/equivalents.py",
        ' or kernel.finish != "draw"',
        "",
        "tests/mdmtheory/exact/test_equivalents.py::test_what_is_no_bernoulli_scheme_is_not_taken_for_one",
    ),
    Fault(
        "the support is full as soon as its first states are",
        "mdmtheory/exact/supported.py",
        "        if depth == length or not len(frontier):\n",
        "        if depth:\n",
        f"{TEST_ONE_ROUND}::test_full_support_at_any_length",
    ),
    Fault(
        "three rare factors are multiplied before the floor is held against them",
        "languages/inference/noisy_tokens.py",
        "RAREST = 1e-160",
        "RAREST = 1e-320",
        "tests/mdmtheory/denoisers/test_uniform_oracle.py::test_what_three_rare_factors_leave "
        "tests/mdmtheory/denoisers/test_uniform_oracle.py::test_rare_factors_against_exact_arithmetic",
    ),
    Fault(
        "the drift of a slowly mixing chain is taken to shrink as fast as it seems to",
        f"{MARKOV}/extrapolation.py",
        "recent, max(decay, memory))",
        "recent, decay)",
        "tests/mdmtheory/exact/test_markov_extrapolation.py::test_a_fast_drift_does_not_hide_a_slow_one",
    ),
    Fault(
        "a refusal offers more than can be done",
        "languages/budget.py",
        "    return low\n",
        "    return high\n",
        "tests/languages/test_budget.py",
    ),
]
