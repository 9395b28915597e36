"""What checkpoints say of their run: the same in every version, so that old ones are still good."""

from __future__ import annotations

import hashlib
import json

import pytest

from languages import NGramLanguage, language_digest, random_ngram, random_walk
from mdmtheory.training import AR, D3PM, MDLM, MDM, SEDD, NetworkConfig, TrainingConfig
from mdmtheory.training.identity import difference, flat_settings, run_identity
from mdmtheory.training.recipes import recipe as current_recipe

OLD = {"boundary_tokens": False}
"""What the first runs had not, as none of their networks did."""


def test_the_identity_of_a_run_in_full() -> None:
    language = random_ngram(2, 4, seed=1, concentration=0.3)
    identity = run_identity(language, 12, TrainingConfig(steps=20, batch_size=8).changed(**OLD))
    assert identity.pop("language_digest") == language_digest(language)  # older files have none
    assert identity == {
        "kind": "mdm", "steps": 20, "epochs": None, "batch_size": 8, "learning_rate": 0.003, "warmup": 0.05,
        "decay": "cosine", "weight_decay": 0.01, "betas": [0.9, 0.95], "gradient_clip": 1.0, "ema_decay": 0.999,
        "seed": 0, "size": "tiny", "hidden_size": None, "num_layers": None, "num_heads": None, "rotary_base": 10000.0,
        "local_start": False, "dropout": 0.0, "time_conditioned": False, "time_input": "fraction",
        "process": "absorbing", "loss": "any-order", "parametrisation": "posterior", "schedule": "linear",
        "loss_steps": None, "masking": "count", "skew": 2.0, "time_sampling": "stratified", "data": "on-the-fly",
        "num_sequences": 1000000, "held_out": 10000, "language": "NGramLanguage d431223ef61c8eb9", "length": 12,
    }  # fmt: skip


def run(objective: object, **settings: object) -> TrainingConfig:
    return TrainingConfig(steps=20, objective=objective).changed(**OLD, **settings)  # type: ignore[arg-type]


def recipe(*names: object, **options: object) -> TrainingConfig:
    return current_recipe(*names, **options).changed(**OLD)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "digest"),
    [
        (recipe("smoke", "mdm"), "2298b8bbb38752ad"),
        (recipe("demo", "ar"), "6b1ae049885bbe7a"),
        (recipe("window", "mdm"), "a20ab636d280ec22"),
        (recipe("paper", "mdm"), "952c56346a610fa0"),
        (recipe("paper", "ar"), "503963982c19d8aa"),
        (recipe("paper", "mdm").changed(seed=123456789), "595be895d07a2b67"),
        (recipe("paper", "mdm", variant="sedd-absorb"), "9f582b019372412e"),
        (recipe("paper", "mdm", variant="sedd-uniform"), "25dcf5f40118e35e"),
        (recipe("paper", "mdm", variant="uniform"), "94a9c89bcb18ab8d"),
        (recipe("paper", "mdm", variant="d3pm-uniform"), "ba6cdf341f446526"),
        (run(MDM(skew=None)), "b81d7b1727bd45a3"),
        (run(MDM(skew=1.0, sampling="systematic")), "88a613bd884ea82a"),
        (run(MDM(time="fraction")), "7d51cfbe9a260ee1"),
        (run(MDLM(schedule="cosine")), "d3523d710bd59283"),
        (run(MDLM(steps=8)), "6c3e1745b8a0ad09"),
        (run(D3PM(8)), "57d996a2f3ee7fd1"),
        (run(SEDD(parametrisation="score")), "052f65ad60eb7f4d"),
        (
            run(
                SEDD(
                    noise="uniform",
                    time="log-odds",
                    schedule="geometric",
                    parametrisation="score",
                    sampling="independent",
                )
            ),
            "29e61374fd86ebce",
        ),
        (run(AR(), dropout=0.1), "51a90e91f18c2ee8"),
    ],
)
def test_settings_keep_the_names_and_values_that_files_have(config: TrainingConfig, digest: str) -> None:
    text = json.dumps(json.loads(json.dumps(flat_settings(config)), parse_int=float), sort_keys=True)
    assert hashlib.blake2b(text.encode(), digest_size=8).hexdigest() == digest


def test_where_and_how_long_a_run_computes_is_no_part_of_it() -> None:
    plain = TrainingConfig(steps=20)
    other = plain.changed(checkpoint_dir="x", checkpoint_every=3, time_limit_seconds=9.0, log_every=1)
    other = other.changed(accelerator="cpu", devices=2, strategy="ddp", precision="64-true", compile="inductor")
    assert flat_settings(other) == flat_settings(plain)
    assert flat_settings(plain.changed(network=NetworkConfig("nano"))) != flat_settings(plain)


def test_languages_are_told_apart_by_their_tables() -> None:
    """Of sixteen samples of 64 tokens, none shows a step that is taken once in a hundred thousand."""
    languages = [random_walk(64, increments={-1: down, 0: 0.95 - down, 1: 0.05}) for down in (0.0, 1e-5)]
    one, other = (run_identity(language, 12, TrainingConfig(steps=20)) for language in languages)
    assert one["language"] == other["language"]
    assert difference(one, one) is None
    assert difference(one, other) == ("language_digest", one["language_digest"], other["language_digest"])


def test_files_of_older_versions_and_of_other_devices() -> None:
    wanted = run_identity(random_ngram(2, 4, seed=1), 12, TrainingConfig(steps=20))
    older = {name: value for name, value in wanted.items() if name not in ("language_digest", "betas", "loss_steps")}
    assert difference(older, wanted) is None
    assert difference(older | {"language": "another sample"}, wanted) == (
        "language",
        "another sample",
        wanted["language"],
    )
    assert difference(wanted | {"language": "what a GPU draws"}, wanted) is None
    assert difference(older | {"skew": 1.0}, wanted) == ("skew", 1.0, 2.0)


def test_a_kind_of_language_that_no_file_knows_goes_by_its_sample() -> None:
    class Coin(NGramLanguage):
        """A class of somebody else's."""

    one, other = (run_identity(Coin([p, 1 - p]), 12, TrainingConfig(steps=20)) for p in (0.5, 0.4))
    assert one["language_digest"] is None
    assert difference(one, one) is None
    assert difference(one, other) == ("language", one["language"], other["language"])


@pytest.mark.parametrize("setting", ["boundary_tokens", "targets"])
def test_a_setting_that_older_files_lack_was_off(setting: str) -> None:
    language = random_ngram(2, 4, seed=1)
    off = run(MDM())
    on = off.changed(boundary_tokens=True) if setting == "boundary_tokens" else run(MDM(targets="exact"))
    older, newer = run_identity(language, 12, off), run_identity(language, 12, on)
    assert setting not in older
    assert difference(older, newer) == (setting, None, newer[setting])
    assert difference(newer, older) == (setting, newer[setting], None)
    assert difference(newer, newer) is None
