"""Time and memory of a device, and the two limits that every speed is held against."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

    from languages import Estimate


def wait(device: str) -> None:
    """Return when the device has done all it was given."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)


def seconds_of(
    function: Callable[[], object], device: str, *, repeats: int = 5, calls: int = 1, warm_up: int = 1
) -> Estimate:
    """Seconds a call of `function`, the device waited for: median, least and largest of some readings.

    Args:
        function: What is timed; on a device its calls may return before the work is done.
        device: Where it works.
        repeats: Readings.
        calls: Calls a reading, for what is too short to be read alone.
        warm_up: Calls before the first reading.
    """
    from languages import Estimate

    for _ in range(warm_up):
        function()
    readings = []
    for _ in range(repeats):
        wait(device)
        started = time.perf_counter()
        for _ in range(calls):
            function()
        wait(device)
        readings.append((time.perf_counter() - started) / calls)
    return Estimate.measured(readings, unit="seconds")


def rate(amount: float, seconds: Estimate, unit: str) -> Estimate:
    """An amount over the time it took; the slowest reading becomes the lower end."""
    from languages import Estimate

    return Estimate.measured([amount / seconds.high, amount / seconds.value, amount / seconds.low], unit=unit)


class Limits(NamedTuple):
    """What a device can do at best, measured.

    Attributes:
        copy: Bytes a second of a large copy on the device, bytes read plus bytes written.
        product: Operations a second of a large bfloat16 matrix product on random numbers. Readings spread by a sixth
            as clocks settle; utilisation is held against the best of them.
    """

    copy: Estimate
    product: Estimate


@functools.cache
def limits(device: str) -> Limits:
    """Measure both limits of a device, once in a process; about a second, and 4 GiB of an accelerator."""
    import torch

    large = device != "cpu"
    source = torch.rand(1 << (29 if large else 22), device=device)
    target = torch.empty_like(source)
    copy = seconds_of(lambda: target.copy_(source), device, calls=5, repeats=7)
    moved = 2 * source.numel() * source.element_size()
    del source, target
    size = 8192 if large else 512
    one, other = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
    product = seconds_of(lambda: one @ other, device, calls=10 if large else 2, repeats=7)
    return Limits(rate(moved, copy, "bytes/second"), rate(2 * size**3, product, "operations/second"))


def fresh_meter(device: str) -> None:
    """Give unused memory back and start the meter of peak memory anew."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: str) -> Estimate | None:
    """Most memory that tensors held on the device since `fresh_meter`, bytes; None for a CPU, which has no meter."""
    import torch

    from languages import Estimate

    if not device.startswith("cuda"):
        return None
    return Estimate.measured([torch.cuda.max_memory_allocated(device)], unit="bytes")


def seeded(device: str, seed: int = 0) -> torch.Generator:
    """A generator on a device."""
    import torch

    return torch.Generator(device).manual_seed(seed)
