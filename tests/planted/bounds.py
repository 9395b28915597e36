from .fault import Fault

ENTRIES = "mdmtheory/bounds/entries/"
RIGHT = "tests/mdmtheory/bounds/test_right_sides.py"
LEDGER = "tests/mdmtheory/bounds/test_ledger.py"
KERNELS = "tests/mdmtheory/bounds/test_kernels.py"
CLAIMS = "tests/mdmtheory/bounds/test_entries.py"

FAULTS: list[Fault] = [
    Fault(
        "differences up to 1e-4 pass as rounding",
        "mdmtheory/bounds/comparison.py",
        "ROUNDING = 1e-9",
        "ROUNDING = 1e-4",
        f"{LEDGER}::test_rounding_is_no_more_than_rounding",
    ),
    Fault(
        "the rest of sqrt-rule may be of order 1/N",
        ENTRIES + "sqrt_rule.py",
        "claimed(1 + ORDER_TOLERANCE",
        "claimed(1 - ORDER_TOLERANCE",
        f"{LEDGER}::test_rounding_is_no_more_than_rounding",
    ),
    Fault(
        "limits of conflict-law to 3 % only",
        "mdmtheory/bounds/convergence.py",
        "LIMIT_TOLERANCE = 1e-3",
        "LIMIT_TOLERANCE = 3e-2",
        f"{CLAIMS}::test_conflict_law_sees_one_per_cent",
    ),
    Fault(
        "remdm-marginals compares nothing given x_0",
        ENTRIES + "remdm_marginals.py",
        "conditioned = max(conditioned, abs(float(law[0]) - after), abs(float(law[-1]) - 1 + after))",
        "conditioned = max(conditioned, 0.0)",
        f"{KERNELS}::test_both_branches_of_remasking_compare_something",
    ),
    Fault(
        "remdm-marginals compares nothing after one step",
        ENTRIES + "remdm_marginals.py",
        "stepped = max(stepped, float((once - wanted).abs().max()))",
        "stepped = max(stepped, 0.0)",
        f"{KERNELS}::test_both_branches_of_remasking_compare_something",
    ),
    Fault(
        "feng-ter allows a tenth",
        ENTRIES + "feng_ter.py",
        "claimed(error + 4 * epsilon",
        "claimed(error + 0.4 * epsilon",
        f"{RIGHT}::test_feng",
    ),
    Fault(
        "ugc with half its constant",
        ENTRIES + "ugc.py",
        "2 * float(weighted.sum()) / steps",
        "1 * float(weighted.sum()) / steps",
        f"{RIGHT}::test_bernoulli_reveals",
    ),
    Fault(
        "wen-scan subtracts L",
        ENTRIES + "wen_scan.py",
        "math.log2(length / rounds) - 1.3 * length",
        "math.log2(length / rounds) - 1.0 * length",
        RIGHT,
    ),
    Fault(
        "sizes from a correlation with one share fewer",
        ENTRIES + "correlation_sizes.py",
        "zeta = 1 + math.ceil(share)",
        "zeta = max(1, math.ceil(share))",
        f"{CLAIMS}::test_sizes_of_the_schedules",
    ),
    Fault(
        "fast-dllm with half the positions",
        ENTRIES + "fast_dllm.py",
        "bound = (n - 1) * (binary",
        "bound = n / 4 * (binary",
        RIGHT,
    ),
    Fault(
        "dmitriev-mask with the constant of smooth curves",
        ENTRIES + "dmitriev_mask.py",
        "claimed(float(np.expm1(lengths) @ flow)",
        "claimed(float(0.51 * lengths @ flow)",
        RIGHT,
    ),
    Fault(
        "feng-ser-upper with half the steps",
        ENTRIES + "feng_ser_upper.py",
        "math.ceil(length * top / budget)",
        "math.ceil(length * top / budget / 2)",
        f"{RIGHT}::test_feng",
    ),
    Fault(
        "verdicts without caveats",
        "mdmtheory/bounds/entry.py",
        "tuple(notes), self.caveats)",
        "tuple(notes))",
        f"{LEDGER}::test_every_bound_has_an_instance_within_a_factor_of_two_or_says_that_it_has_none",
    ),
]
