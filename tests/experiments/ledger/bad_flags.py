"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--ids", "feng-terr"], "--ids: 'feng-terr'", "did you mean feng-ter"),
    (["--ids", "all", "ser-kl"], "--ids: 'all'"),
    (["--ids", "fhs", "--kinds", "bound"], "no entry is among ids fhs and of kind bound"),
    (["--kinds", "theorem"], "theorem"),
    (["--languages", "text:/nowhere/tale.txt"], "/nowhere/tale.txt"),
    (["--modules", "no_such_module"], "no_such_module"),
    (["--modules", "os"], "--modules: 'os' adds no entry"),
    (["--device", "cuda"], "device must be cpu"),
]
