"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--sections", "9"], "sections", "1, 2, 3, 4, 5, 6, 7", "9"),
    (["--minutes", "0"], "minutes", "positive", "0"),
    (["--minutes", "inf"], "minutes", "finite"),
    (["--preset", "full", "--device", "cpu"], "device", "--small"),
    (["--device", "cuda:99"], "device 'cuda:99' is not here"),
]
