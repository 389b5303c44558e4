"""Several processes that train one network together: torchrun starts them, DistributedDataParallel averages gradients.

Each process (rank) holds the whole network and computes on its share of every batch. All ranks draw the same whole
batch from generators in the same state and take their rows of it: N ranks then do what one process does, up to the
order of sums, and a checkpoint knows nothing of their number. Only rank 0 writes. Without torchrun there is one rank,
and everything here does nothing. Several machines must share the folder that they write to.

Source: `torch.nn.parallel.DistributedDataParallel`; a gradient penalty inside it is sound as long as the inner
gradients are taken by `torch.autograd.grad` and one ordinary `backward()` follows (pytorch issue 63812).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from genimg._base.errors import UsageError


def count() -> int:
    """How many ranks there are."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this process is, from 0."""
    return distributed.get_rank() if count() > 1 else 0


def launched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def joined(device: torch.device) -> Iterator[torch.device]:
    """Meets the other processes that torchrun started, if it did; yields the device of this one.

    Args:
        device: what was asked for; of CUDA devices each rank takes the one of its number on its machine.

    Raises:
        UsageError: if a machine has fewer GPUs than ranks.
    """
    if not launched():
        yield device
        return
    if device.type == "cuda":
        here = int(os.environ["LOCAL_RANK"])
        if here >= torch.cuda.device_count():
            raise UsageError(
                f"rank {here} of this machine has no GPU: at most --nproc-per-node {torch.cuda.device_count()}"
            )
        device = torch.device("cuda", here)
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def share(draw: Callable[[int], Tensor], n: int) -> Tensor:
    """This rank's rows of `draw(n)`, which all ranks draw alike.

    Raises:
        UsageError: if the ranks cannot have equal shares.

    Example:
        >>> share(lambda n: torch.arange(n), 3).tolist()              # one rank has everything
        [0, 1, 2]
    """
    if n % count():
        raise UsageError(f"a batch of {n} cannot be shared by {count()} ranks: take a multiple of {count()}")
    each = n // count()
    return draw(n)[rank() * each : (rank() + 1) * each]


def mean(values: Tensor) -> Tensor:
    """The mean over ranks of what each has measured on its share."""
    if count() > 1:
        values = values.clone()
        distributed.all_reduce(values)
        values /= count()
    return values


def agree(decision: bool) -> bool:
    """What rank 0 has decided, known to all."""
    if count() == 1:
        return decision
    told = [decision]
    distributed.broadcast_object_list(told)
    return told[0]


def rank_zero_first(action: Callable[[], object]) -> None:
    """Rank 0 does it; the others go on when it is done."""
    if rank() == 0:
        action()
    if count() > 1:
        distributed.barrier()


def wrap_ddp(network: nn.Module) -> nn.Module:
    """The network whose gradients are averaged over ranks after each backward pass; itself where there is one rank.

    Raises:
        UsageError: for BatchNorm, which would see its rank's share only.
    """
    if count() == 1:
        return network
    if any(isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)) for part in network.modules()):
        raise UsageError("a network with BatchNorm does not train alike on several ranks; start it without torchrun")
    device = next(network.parameters()).device
    return DistributedDataParallel(network, [device.index] if device.type == "cuda" else None)
