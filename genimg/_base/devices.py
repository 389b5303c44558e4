"""Where tensors live: `auto`, `cpu` or `cuda`, and how a record names it."""

from __future__ import annotations

import platform

import torch

from genimg._base.errors import UsageError, choice


def pick(name: str | torch.device = "auto") -> torch.device:
    """The device of that name; `auto` is the first GPU if there is one.

    Raises:
        UsageError: if `cuda` was asked for and there is none, or the name is unknown.

    Example:
        >>> pick("cpu")
        device(type='cpu')
    """
    if isinstance(name, torch.device):
        return name
    kind, _, index = name.partition(":")
    choice(kind, "device", ["auto", "cpu", "cuda"])
    if kind == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("device 'cuda' was asked for, but torch sees no GPU here; use --device cpu or auto")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise UsageError(f"device {name!r} was asked for, but there are {torch.cuda.device_count()} GPUs here")
    return torch.device(name)


def bfloat16(device: torch.device | str, wanted: bool | None = True) -> bool:
    """Whether networks there compute in bfloat16: where it is wanted, and the processor has instructions for it.

    A CPU without them imitates bfloat16, which took 18 times as long as float32 for a step of WGAN-GP on faces.

    Args:
        wanted: None means on GPUs only.

    Example:
        >>> bfloat16("cuda"), bfloat16("cpu", wanted=None), bfloat16("cuda", wanted=False)
        (True, False, False)
    """
    gpu = torch.device(device).type == "cuda"
    if gpu or not wanted:
        return gpu if wanted is None else bool(wanted)
    # Builds without oneDNN, as for macOS, lack the operator.
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def advice(error: BaseException) -> str | None:
    """What to do when a device fails, in one line; None if the error says something else.

    Example:
        >>> advice(RuntimeError("CUDA error: unspecified launch failure")).split(":")[0]
        'the GPU stopped working (CUDA error'
        >>> advice(RuntimeError("shapes differ")), advice(ConnectionResetError("reset by peer"))  # a web server's
        (None, None)
    """
    told = str(error).splitlines()[0] if str(error) else ""
    again = "in training, --resume goes on from the last checkpoint"
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "DefaultCPUAllocator: " in told:
        where = "GPU" if isinstance(error, torch.OutOfMemoryError) else "machine"
        return (
            f"the {where} ran out of memory: take a smaller batch or smaller pictures, or end other programs that use "
            "it; accumulate = 2, 4, … (of gan_steps, or in the SIZES of an experiment) takes a batch in parts; " + again
        )
    lost = getattr(torch, "AcceleratorError", ())  # torch 2.8; before, a RuntimeError with the same text
    if isinstance(error, lost) or (isinstance(error, RuntimeError) and "CUDA error" in told):
        return f"the GPU stopped working ({told}): see whether nvidia-smi still lists it; {again}"
    parted = isinstance(error, getattr(torch.distributed, "DistError", ()))
    if parted or (isinstance(error, RuntimeError) and ("closed by peer" in told or "reset by peer" in told)):
        return f"another rank has ended, for the reason that it gave, or killed; {again}, on any number of ranks"
    return None


def describe(device: torch.device | str) -> str:
    """The device as a record names it: the GPU's product name, or the number of CPU threads and the architecture."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} thread(s), {platform.machine()}"
