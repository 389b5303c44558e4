"""Where bfloat16 is taken: where it is wanted, and the processor has it."""

from types import SimpleNamespace

import pytest
import torch

from genimg._base import devices


@pytest.mark.parametrize("has", [True, False])
def test_a_cpu_takes_bfloat16_where_it_has_it(monkeypatch, has):
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(_is_mkldnn_bf16_supported=lambda: has))
    assert devices.bfloat16("cpu") is has
    assert devices.bfloat16("cpu", False) is False and devices.bfloat16("cpu", None) is False
    assert (
        devices.bfloat16("cuda") is devices.bfloat16("cuda", None) is True and devices.bfloat16("cuda", False) is False
    )


def test_a_build_without_onednn_takes_float32(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    assert devices.bfloat16("cpu") is False
