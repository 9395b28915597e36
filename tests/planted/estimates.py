from .fault import Fault

ESTIMATE = "tests/languages/test_estimate.py"
COVERAGE = "tests/mdmtheory/estimates/test_coverage.py"
SURVIVING = "tests/mdmtheory/estimates/test_surviving.py"
SANDWICH = "tests/mdmtheory/estimates/test_estimates.py::test_the_bracket_takes_the_pessimistic_ends"

FAULTS: list[Fault] = [
    Fault(
        "the bracket takes the SER itself",
        "mdmtheory/exact/sandwich.py",
        "max(0.0, sequence_error_rate.low)",
        "max(0.0, sequence_error_rate.value)",
        SANDWICH,
    ),
    Fault(
        "the bracket takes the optimistic end of the path KL",
        "mdmtheory/exact/sandwich.py",
        "bracket(min(low, path_kl.high), path_kl.high, of=sides",
        "bracket(min(low, path_kl.low), path_kl.low, of=sides",
        SANDWICH,
    ),
    Fault(
        "normal quantiles for few samples",
        "languages/estimate.py",
        "stats.t.ppf(0.5 + CONFIDENCE / 2, x.size - 1)) * float(x.std",
        "stats.norm.ppf(0.5 + CONFIDENCE / 2)) * float(x.std",
        f"{ESTIMATE}::test_few_samples_have_students_quantile",
    ),
    Fault(
        "NaN among samples passes",
        "languages/estimate.py",
        "if np.isnan(x).any() or (",
        "if (",
        f"{ESTIMATE}::test_samples_must_be_numbers",
    ),
    Fault(
        "a value outside its interval passes",
        "languages/estimate.py",
        "if not self.low - room <= self.value <= self.high + room:",
        "if not self.low - room <= self.value:",
        f"{ESTIMATE}::test_what_is_no_estimate_is_refused",
    ),
    Fault(
        "minus zero is shown",
        "languages/estimate.py",
        "float(getattr(self, name)) + 0.0",
        "float(getattr(self, name))",
        f"{ESTIMATE}::test_no_number_is_minus_zero",
    ),
    Fault(
        "a bracket with a sampled end calls itself certain",
        "languages/estimate.py",
        'methods & {"monte-carlo", "estimated-bound"}',
        'methods & {"estimated-bound"}',
        f"{ESTIMATE}::test_a_bracket_is_as_certain_as_what_its_ends_came_from",
    ),
    Fault(
        "the marginal KL leaves no room for the unseen",
        "mdmtheory/exact/markov/divergence.py",
        "Estimate.from_skewed_samples(",
        "Estimate.from_samples(",
        f"{COVERAGE}::test_marginal_kl",
    ),
    Fault(
        "the marginal KL weighs the mixture by its half",
        "mdmtheory/exact/markov/divergence.py",
        "return 2 * torch.where(log_ratio > 0",
        "return torch.where(log_ratio > 0",
        "tests/mdmtheory/exact/test_markov.py::test_the_integrand_under_the_mixture_averages_to_the_divergence",
    ),
    Fault(
        "surviving runs draw from the product law itself",
        "mdmtheory/estimates/surviving.py",
        "weights = law[open_, i] * ahead",
        "weights = law[open_, i] + 0 * ahead",
        f"{SURVIVING}::test_masses_and_draws_are_those_of_the_conditioned_product",
    ),
    Fault(
        "surviving runs forget the scale of their weights",
        "mdmtheory/estimates/surviving.py",
        "log_mass[open_] += scale[:, 0].log()",
        "log_mass[open_] += 0 * scale[:, 0]",
        f"{SURVIVING}::test_masses_and_draws_are_those_of_the_conditioned_product",
    ),
]
