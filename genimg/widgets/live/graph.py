"""A module as an ONNX file for the browser: fixed shapes, half the size, the same bytes each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg._base.errors import UsageError

_HALF_FROM = 256
"""Elements from which an initializer is stored as float16; below, a Cast would weigh more than it saves."""


class Graph(NamedTuple):
    """What is exported: a module, what it takes, and the names of what it gives."""

    module: nn.Module  # in eval mode; called with the inputs in their order, gives a tensor or a tuple of tensors
    # an example of each by name; names and shapes become those of the graph, fixed, batch included. The tests compare
    # torch, onnxruntime and the browser on these very values
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]  # the names of what the module gives, in its order


def onnx_bytes(graph: Graph) -> bytes:
    """The graph as ONNX: what float16 holds without loss, as weights of the zoo are, is stored so and cast back.

    The runtime casts once, when it loads. Names of files of this machine, which the exporter notes at each node, are
    removed.

    Returns:
        A serialised ModelProto; the same graph and the same versions give the same bytes.

    Raises:
        UsageError: without onnx and onnxscript.

    Example:
        >>> import onnx
        >>> model = onnx.load_from_string(onnx_bytes(Graph(nn.ReLU(), {"a": torch.zeros(1, 2)}, ("b",))))
        >>> [(node.op_type, list(node.input), list(node.output)) for node in model.graph.node]
        [('Relu', ['a'], ['b'])]
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  # what torch.onnx works with
    except ImportError:
        raise UsageError("models for the pages need onnx and onnxscript: pip install 'genimg-book[live]'") from None
    module = graph.module.eval()
    program = torch.onnx.export(
        module,
        tuple(graph.inputs.values()),
        input_names=list(graph.inputs),
        output_names=list(graph.outputs),
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # it is only with a path that nothing comes back
    model = program.model_proto
    _halve(model)
    _forget_this_machine(model)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _halve(model: Any) -> None:
    """Replaces each large float32 initializer that loses nothing by its float16 and a Cast back, before all nodes."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < _HALF_FROM:
            continue
        with np.errstate(over="ignore"):  # too large becomes infinite, and is seen in the next line
            short = values.astype(np.float16)
        if not np.array_equal(short.astype(np.float32), values):
            continue
        name, half = weight.name, f"{weight.name}.half"
        weight.CopyFrom(numpy_helper.from_array(short, half))
        casts.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _forget_this_machine(model: Any) -> None:
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for node in graph.node:
        node.ClearField("name")
    del graph.value_info[:]
