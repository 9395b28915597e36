from .fault import Fault

ENUMERATION = "mdmtheory/exact/enumeration"
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
]
