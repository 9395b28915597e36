"""Devices, precision and strategy: the one place that knows Lightning Fabric."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mdmtheory.networks.config import TransformerConfig
from mdmtheory.networks.fresh import fresh_network
from mdmtheory.networks.transformer import Transformer
from mdmtheory.training.config import TrainingConfig
from mdmtheory.training.ema import ExponentialMovingAverage
from mdmtheory.training.optimizer import make_optimizer
from mdmtheory.training.seeds import Stream, stream_seed

if TYPE_CHECKING:
    from lightning.fabric import Fabric


@dataclasses.dataclass(frozen=True, eq=False)
class Engine:
    """A network on its devices, ready to step.

    Attributes:
        fabric: Lightning's Fabric.
        call: The network as the loss calls it: precision and gradient synchronisation are in it.
        model: The module that holds the parameters, wrapped by the strategy (DDP, FSDP) where there is one.
        optimizer: AdamW on its parameters.
        ema: The average of its parameters.
    """

    fabric: Fabric
    call: Any
    model: nn.Module
    optimizer: torch.optim.Optimizer
    ema: ExponentialMovingAverage
    _stepper: Any

    def step(self, loss: Tensor, learning_rate: float, gradient_clip: float | None) -> None:
        """Backward, clip, one step of the optimizer, one of the average."""
        self.fabric.backward(loss)
        if gradient_clip is not None:
            # A check for NaN here would make a GPU wait at every step; the loop looks at the loss when it logs.
            self.fabric.clip_gradients(self.call, self._stepper, max_norm=gradient_clip, error_if_nonfinite=False)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self._stepper.step()
        self._stepper.zero_grad()
        self.ema.update()

    def mean(self, value: Tensor) -> float:
        """Mean of a scalar over the processes; a GPU is waited for."""
        reduced = self.fabric.all_reduce(value, reduce_op="mean")
        assert isinstance(reduced, Tensor)
        return float(reduced)

    def averaged_network(self, config: TransformerConfig) -> Transformer:
        """A plain network with the averaged weights, on this process's device, in evaluation mode."""
        from torch.distributed.checkpoint import state_dict as distributed

        options = distributed.StateDictOptions(full_state_dict=True)
        network = fresh_network(config)
        with self.ema.swapped_in():
            network.load_state_dict(distributed.get_model_state_dict(self.model, options=options))
        return network.to(self.fabric.device).eval()


def make_engine(config: TrainingConfig, network: TransformerConfig) -> Engine:
    """Build a fresh network on the devices the config asks for.

    Args:
        config: The run; its seed fixes the initial weights.
        network: The shape of the network.
    """
    from lightning.fabric import Fabric

    device = config.device
    precision = device.precision
    if precision == "auto":
        on_gpu = device.accelerator in ("cuda", "gpu", "auto") and torch.cuda.is_available()
        precision = "bf16-mixed" if on_gpu else "32-true"
    fabric = Fabric(
        accelerator=device.accelerator, devices=device.devices, strategy=device.strategy, precision=precision
    )
    fabric.launch()
    module = fresh_network(network, stream_seed(config.seed, Stream.WEIGHTS))
    if device.compile is not None:
        for block in list(module.blocks)[:-1]:
            block.compile(backend=device.compile)
    call = fabric.setup_module(module)
    # The wrapped module, for DDP's and FSDP's own parameters and names; `call.module` is what was wrapped.
    model = call._forward_module
    # Parameters of a sharded module exist only now, so the optimizer is made last.
    optimizer = make_optimizer(call, config.optimizer)
    stepper = fabric.setup_optimizers(optimizer)
    return Engine(fabric, call, model, optimizer, ExponentialMovingAverage(model, config.optimizer.ema_decay), stepper)
