from .fault import Fault

LOOP = "mdmtheory/training/loop.py"
OBJECTIVES = "mdmtheory/training/objectives.py"
FILES = "languages/files.py"
HERE = "tests/mdmtheory/training/"
RESUMED = f"{HERE}test_checkpoints.py::test_a_resumed_run_has_the_same_history"

FAULTS: list[Fault] = [
    Fault(
        "gradients are not clipped",
        "mdmtheory/training/engine.py",
        "if gradient_clip is not None:",
        "if gradient_clip is not None and gradient_clip > 1e3:",
        f"{HERE}test_engine.py::test_gradients_are_clipped_to_their_largest_norm",
    ),
    Fault(
        "the last weights are returned instead of their average",
        "mdmtheory/training/engine.py",
        "with self.ema.swapped_in():",
        "with torch.no_grad():",
        f"{HERE}test_checkpoints.py::test_the_average_is_returned_and_not_the_last_weights",
    ),
    Fault(
        "the warm-up begins anew at resume",
        LOOP,
        "rate = config.optimizer.rate(step, pace.part(step), config.total_steps)",
        "rate = config.optimizer.rate(step - done.step, pace.part(step), config.total_steps)",
        RESUMED,
    ),
    Fault(
        "a warm-up over a share of the run begins anew at resume",
        LOOP,
        "rate = config.optimizer.rate(step, pace.part(step), config.total_steps)",
        "rate = config.optimizer.rate(step, pace.part(step - done.step), config.total_steps)",
        RESUMED,
    ),
    Fault(
        "training time begins anew at resume",
        LOOP,
        "begun = time.perf_counter() - done.seconds",
        "begun = time.perf_counter()",
        f"{HERE}test_checkpoints.py::test_training_time_goes_on",
    ),
    Fault(
        "held-out sequences are drawn from the training stream",
        "mdmtheory/training/data.py",
        "self._config.seed, Stream.HELD_OUT)",
        "self._config.seed, Stream.SEQUENCES)",
        f"{HERE}test_data.py::test_held_out_sequences_have_a_stream_or_a_part_of_their_own",
    ),
    *(
        Fault(
            f"the sampling of times is ignored by {name}",
            OBJECTIVES,
            right,
            right.replace(", sampling=self.sampling", ""),
            f"{HERE}test_objectives.py::test_times_are_spread_as_the_objective_says",
        )
        for name, right in {
            "the number of masks": "skew=self.skew, sampling=self.sampling)",
            "the share of masks": 'masking="bernoulli", sampling=self.sampling)',
            "SUBS": "num_steps=self.steps, sampling=self.sampling)",
            "discrete steps": "self.steps, schedule, sampling=self.sampling)",
            "score entropy": "self.process(vocab_size), schedule, sampling=self.sampling)",
        }.items()
    ),
    Fault(
        "gains and biases decay",
        "mdmtheory/training/optimizer.py",
        '"weight_decay": 0.0}',
        '"weight_decay": config.weight_decay}',
        f"{HERE}test_engine.py::test_matrices_decay_and_gains_and_biases_do_not",
    ),
    Fault(
        "the loss of the last, shorter window is divided by the steps of a whole one",
        LOOP,
        "seconds, steps = clock(), step - window.start",
        "seconds, steps = clock(), config.run.log_every",
        f"{HERE}test_loop.py::test_the_last_window_may_be_shorter",
    ),
    Fault(
        "the sum of an open window is not saved",
        LOOP,
        "dataclasses.replace(window, total=engine.mean(total))",
        "dataclasses.replace(window, total=0.0)",
        RESUMED,
    ),
    Fault(
        "the sum of an open window is not taken up again",
        LOOP,
        "torch.tensor(window.total, device=device)",
        "torch.tensor(0.0, device=device)",
        RESUMED,
    ),
    Fault(
        "a language goes by a sample of its tokens although its tables are known",
        "mdmtheory/training/identity.py",
        'passed_over = "language" if found.get("language_digest") else "language_digest"',
        'passed_over = "language_digest"',
        f"{HERE}test_identity.py {HERE}test_checkpoints.py::test_a_checkpoint_of_almost_the_same_language_is_refused",
    ),
    Fault(
        "a checkpoint without its average is taken",
        "mdmtheory/training/checkpoints.py",
        'for part in ("model", "average")',
        'for part in ("model",)',
        f"{HERE}test_checkpoints.py::test_a_checkpoint_that_lacks_a_part_is_refused",
    ),
    Fault(
        "the learning rate follows the clock",
        LOOP,
        "rate = config.optimizer.rate(step, pace.part(step), config.total_steps)",
        "rate = config.optimizer.rate(step, max(pace.part(step), clock() / (pace.limit or 1e9)), config.total_steps)",
        f"{HERE}test_pace.py::test_two_runs_of_a_recipe_are_the_same_and_its_limit_changes_nothing",
    ),
    Fault(
        "what the time limit decided is forgotten at resume",
        LOOP,
        "Pace(config.total_steps, config.run.time_limit_seconds, done.cuts)",
        "Pace(config.total_steps, config.run.time_limit_seconds)",
        f"{HERE}test_pace.py::test_what_the_limit_decided_survives_resuming",
    ),
    Fault(
        "the end of a run that is behind follows its clock to the step",
        "mdmtheory/training/pace.py",
        "min(step + coarse(int((self.limit - seconds) / per_step)), self.total_steps)",
        "min(step + int((self.limit - seconds) / per_step), self.total_steps)",
        f"{HERE}test_pace.py::test_close_clocks_decide_alike",
    ),
    Fault(
        "a slow first step counts as the time of all",
        "mdmtheory/training/pace.py",
        "per_step = (seconds - then) / (step - since)",
        "per_step = seconds / step",
        f"{HERE}test_pace.py::test_a_slow_first_step_moves_nothing",
    ),
    Fault(
        "a batch of any size is begun",
        "mdmtheory/training/size.py",
        "check_memory(rows * per_row,",
        "check_memory(0 * per_row,",
        f"{HERE}test_loop.py::test_a_batch_of_a_thousand_million_rows_is_refused",
    ),
    Fault(
        "a link is replaced by the file",
        FILES,
        "target = Path(os.path.realpath(path))\n    # The random",
        "target = Path(path)\n    # The random",
        "tests/languages/test_files.py",
    ),
    Fault(
        "nobody but its owner reads a file",
        FILES,
        "temporary.chmod(stat.S_IMODE(mode))",
        "temporary.chmod(0o600)",
        "tests/languages/test_files.py",
    ),
    Fault(
        "a replaced file gets the permissions of a new one",
        FILES,
        "mode = temporary.stat().st_mode if mode is None else mode",
        "mode = temporary.stat().st_mode",
        "tests/languages/test_files.py",
    ),
    Fault("the name of a temporary file may be too long", FILES, "[:200]", "[:250]", "tests/languages/test_files.py"),
    Fault(
        "the sum of a file of tensors says nothing of its header",
        "mdmtheory/networks/weights.py",
        "str(checksum(flat, text))",
        "str(checksum(flat))",
        "tests/mdmtheory/networks/test_weights.py::test_a_changed_header_is_seen",
    ),
    Fault(
        "the digest of a language tells zero from minus zero",
        "languages/interchange/digest.py",
        '"<f8") + 0.0',
        '"<f8")',
        "tests/languages/interchange/test_digest.py",
    ),
    Fault(
        "the digest of a language says nothing of its parent",
        "languages/interchange/digest.py",
        'others = state.languages if language.parent is None else {**state.languages, "parent": language.parent}',
        "others = state.languages",
        "tests/languages/interchange/test_digest.py::test_no_two_languages_share_one",
    ),
    Fault(
        "hidden tables are divided by their sums once more on their way to a device",
        "languages/hidden_markov.py",
        "getattr(self, name).to(device))",
        "getattr(self, name).to(device) / getattr(self, name).sum(-1, keepdim=True).to(device))",
        "tests/languages/interchange/test_digest.py::test_hidden_tables_move_bit_for_bit",
    ),
]
