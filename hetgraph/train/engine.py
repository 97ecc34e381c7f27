"""Device, precision and processes: the thin layer between the trainer and Lightning Fabric."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hetgraph.errors import ConfigError
from hetgraph.train.config import TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Engine", "launched_rank"]

T = TypeVar("T")


class Engine:
    """One of the processes that train together; alone it costs next to nothing.

    Fabric starts the processes, or joins those that ``torchrun`` started, and supplies precision,
    gradient scaling and collectives. Its DDP wrapper is left out on purpose: it gives every
    process the same weight and wants a batch from each, whereas here the gradient of a step is
    the exact mean over the samples of all processes, whatever their number in each.

    Args:
        config: ``device``, ``devices``, ``precision`` and ``tf32``.

    Raises:
        ConfigError: If the machine has no such device or cannot start the processes.
    """

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._fabric = _make_fabric(config)
        self._fabric.launch()
        self.device: torch.device = self._fabric.device
        self.rank: int = self._fabric.global_rank
        self.world: int = self._fabric.world_size
        if self.world > 1:
            # Threads of gloo that outlive the interpreter abort it, now and then; Fabric ends the
            # group for nccl alone.
            atexit.unregister(_leave_group)
            atexit.register(_leave_group)

    @property
    def is_main(self) -> bool:
        """Whether this process evaluates, reports and writes."""
        return self.rank == 0

    @contextlib.contextmanager
    def arithmetic(self) -> Iterator[None]:
        """Applies ``tf32`` to the block."""
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if self._config.tf32 else before)
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)

    def autocast(self) -> AbstractContextManager[Any]:
        """Returns the context of the forward pass in the configured precision."""
        return self._fabric.autocast()

    def to_device(self, batch: Any) -> Any:
        """Moves the tensors of a nested batch to the device; free of cost on the CPU."""
        return batch if self.device.type == "cpu" else self._fabric.to_device(batch)

    def backward(self, loss: Tensor) -> None:
        """Adds the gradient of ``loss``."""
        self._fabric.backward(loss)

    def step(self, optimizer: Optimizer) -> None:
        """Updates the parameters, through the gradient scaler where there is one."""
        self._fabric.strategy.optimizer_step(optimizer)

    def clip(self, module: nn.Module, optimizer: Optimizer, norm: float) -> None:
        """Scales the gradient down to ``norm``."""
        self._fabric.clip_gradients(module, optimizer, max_norm=norm, error_if_nonfinite=False)

    def precision_state(self) -> dict[str, Any]:
        """Returns the state of the gradient scaler, empty without one."""
        state: dict[str, Any] = self._fabric.strategy.precision.state_dict()
        return state

    def load_precision_state(self, state: dict[str, Any]) -> None:
        """Continues from :meth:`precision_state`."""
        self._fabric.strategy.precision.load_state_dict(state)

    def share_weights(self, module: nn.Module) -> None:
        """Gives every process the weights of the main one."""
        if self.world > 1:
            for tensor in module.state_dict().values():
                torch.distributed.broadcast(tensor, 0)

    def from_main(self, value: T) -> T:
        """Returns the main process's small Python value in every process."""
        return self._fabric.broadcast(value, src=0) if self.world > 1 else value

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Returns which flags are up in at least one process."""
        if self.world == 1:
            return flags
        votes = torch.tensor(flags, dtype=torch.float32, device=self.device)
        torch.distributed.all_reduce(votes)
        return tuple(bool(vote) for vote in votes.tolist())

    def sum(self, value: Tensor) -> Tensor:
        """Returns the sum over the processes."""
        if self.world > 1:
            value = value.clone()
            torch.distributed.all_reduce(value)
        return value

    def gather(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Stacks equally shaped tensors of all processes: ``[...]`` to ``[world, ...]``."""
        if self.world == 1:
            return {name: value.unsqueeze(0) for name, value in state.items()}
        result = {}
        for name, value in state.items():
            copies = [torch.empty_like(value, device=self.device) for _ in range(self.world)]
            torch.distributed.all_gather(copies, value.to(self.device))
            result[name] = torch.stack(copies)
        return result

    def average_gradients(self, parameters: Sequence[Tensor], weight: float) -> bool:
        """Divides summed gradients by the weights of all processes and batches of a step.

        Args:
            parameters: The trained parameters, in the same order everywhere.
            weight: Sum of the weights that this process's losses were multiplied with.

        Returns:
            Whether there was any sample at all, in any process.
        """
        present = [float(p.grad is not None) for p in parameters]
        if self.world == 1:
            used = [p for p in parameters if p.grad is not None]
        else:
            head = torch.tensor([weight, *present], dtype=torch.float64, device=self.device)
            torch.distributed.all_reduce(head)
            weight, *votes = head.tolist()
            used = [p for p, vote in zip(parameters, votes, strict=True) if vote]
        if weight == 0:
            return False
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in used]
        if self.world > 1:
            _all_reduce(gradients)
        if weight != 1:
            torch._foreach_div_(gradients, weight)
        for parameter, gradient in zip(used, gradients, strict=True):
            parameter.grad = gradient
        return True


def _leave_group() -> None:
    """Ends this process's part in the group, if there is one."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def launched_rank() -> int:
    """Returns the number of this process as its launcher tells it, before there is an engine."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))


def _all_reduce(tensors: list[Tensor]) -> None:
    """Sums each tensor over the processes in place, with one message for each dtype."""
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        group = [tensor for tensor in tensors if tensor.dtype == dtype]
        flat = torch.cat([tensor.reshape(-1) for tensor in group])
        torch.distributed.all_reduce(flat)
        pieces = torch.split(flat, [tensor.numel() for tensor in group])
        for tensor, piece in zip(group, pieces, strict=True):
            tensor.copy_(piece.view_as(tensor))


def _make_fabric(config: TrainConfig) -> Fabric:
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "train.device is 'cuda', but torch finds no CUDA device; set it to 'auto' or 'cpu'."
        )
    if config.precision == "16-mixed" and not _on_cuda(config):
        raise ConfigError(
            "train.precision '16-mixed' needs a CUDA device; use 'bf16-mixed' or '32-true'."
        )
    # Imported here: it takes seconds, and only training needs it.
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    devices, nodes = config.devices, 1
    if "TORCHELASTIC_RUN_ID" in os.environ:
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    try:
        return Fabric(
            accelerator="cuda" if _on_cuda(config) else "cpu",
            devices=devices,
            num_nodes=nodes,
            strategy="ddp" if devices * nodes > 1 else "auto",
            precision=config.precision,
        )
    except (ValueError, RuntimeError, TypeError) as error:
        raise ConfigError(
            f"cannot set up {devices} x {config.device} ({error}); "
            "check train.device and train.devices."
        ) from error


def _on_cuda(config: TrainConfig) -> bool:
    return config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available())
