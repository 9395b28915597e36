from .fault import Fault

HARNESS = "tests/experiments/harness"

FAULTS: list[Fault] = [
    Fault(
        "a cell key ignores the number of sequences",
        "experiments/shared/oracle_samples.py",
        "    num_steps: int\n    sequences: int\n",
        "    num_steps: int\n    sequences: int = dataclasses.field(default=2, compare=False)\n",
        "tests/experiments/test_every_experiment.py::test_every_field_of_a_cell_names_it",
    ),
    Fault(
        "the path law of a chain is called the marginal one",
        "experiments/shared/path_law.py",
        "return {n: curve.path_kl(uniform_reveal(n)) for",
        'return {n: dataclasses.replace(curve.path_kl(uniform_reveal(n)), law="marginal") for',
        "tests/experiments/shared/test_rows.py",
    ),
    Fault(
        "a ratio is drawn on an axis in per cent",
        "experiments/ter_vs_steps/figures.py",
        '100 if metric == "ter_increase" else 1',
        '1 if metric == "ter_increase" else 1',
        "tests/experiments/ter_vs_steps/test_ter_vs_steps.py::test_the_figure_shows_every_denoiser",
    ),
    Fault(
        "a panel is filtered to nothing",
        "experiments/laws/figures.py",
        '_panel(axes, rows[rows["language"] == language])',
        '_panel(axes, rows[rows["language"] == str(length)])',
        "tests/experiments/laws/test_laws.py::test_the_figure_shows_both_laws_of_every_language",
    ),
    Fault(
        "an interval is printed as a ratio beside a value in per cent",
        "experiments/harness/tables.py",
        '{name: frame[name] * factor for name in ("value", "low", "high")}',
        '{name: frame[name] * factor for name in ("value",)}',
        f"{HARNESS}/test_report.py::test_ter_increases_are_printed_in_percent_with_their_intervals",
    ),
    Fault(
        "a published figure is mistyped",
        "experiments/shared/published.py",
        "(4.58, 1.63, 0.98, 0.33, 0.15, 0.08)",
        "(4.58, 1.36, 0.98, 0.33, 0.15, 0.08)",
        "tests/experiments/shared/test_published.py",
    ),
    Fault(
        "results of other code are reused without a word",
        "experiments/harness/run_plan.py",
        "if trust_old or key not in old}",
        "if trust_old or key in stored}",
        f"{HARNESS}/test_code.py",
    ),
    Fault(
        "a changed digit of a stored cell passes",
        "experiments/harness/cell_files.py",
        'and "code" in record:',
        'and "code" not in record:',
        f"{HARNESS}/test_results.py::test_a_changed_digit_in_a_cell_is_found",
    ),
    Fault(
        "imports inside functions are not read",
        "experiments/harness/code.py",
        r'r"^[ \t]*(?:from',
        r'r"^(?:from',
        f"{HARNESS}/test_code.py::test_every_way_to_import_is_read",
    ),
    Fault(
        "a legend is wider than its figure",
        "experiments/harness/fitting.py",
        "if _width(figure, legend) <= FILLED * figure.bbox.width:",
        "if _width(figure, legend) <= 9 * figure.bbox.width:",
        f"{HARNESS}/test_fitting.py",
    ),
    Fault(
        "an option of a language given twice counts once",
        "languages/specification.py",
        "if key in given:",
        "if key in ():",
        "tests/languages/test_specification.py::test_bad_specifications",
    ),
]
