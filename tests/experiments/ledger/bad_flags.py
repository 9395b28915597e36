"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--ids", "feng-terr"], "'feng-terr' is not in the ledger"),
    (["--ids", "all", "ser-kl"], "'all' is not in the ledger"),
    (["--ids", "fhs", "--kinds", "bound"], "no entry is among ids fhs and of kind bound"),
    (["--kinds", "theorem"], "theorem"),
    (["--languages", "text:/nowhere/tale.txt"], "/nowhere/tale.txt"),
    (["--modules", "no_such_module"], "no_such_module"),
    (["--device", "cuda"], "device must be cpu"),
]
