"""One graph that takes pictures and texts at once -> one graph for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx

from tonari.errors import InvalidEncoderError


def cut_out(model: onnx.ModelProto, output: str, inputs: Iterable[str]) -> bytes:
    """Keep of a graph what one of its outputs needs.

    Parameters
    ----------
    model
        With all weights.
    output
        Its name.
    inputs
        Names of the inputs that it may need; the others must not matter to it.

    Returns
    -------
    Bytes of the new graph, which has the inputs that are needed and this output.

    Raises
    ------
    InvalidEncoderError
        If the graph has no such output, or that needs another input: the halves are then not to be told apart.
    """
    graph = model.graph
    answers = [port for port in graph.output if port.name == output]
    if not answers:
        raise InvalidEncoderError(
            f"The graph has no output {output}, it has {', '.join(port.name for port in graph.output)}."
        )
    makers = {name: number for number, node in enumerate(graph.node) for name in node.output if name}
    needed, kept, waiting = {output}, set[int](), [output]
    while waiting:
        number = makers.get(waiting.pop())
        if number is None or number in kept:
            continue
        kept.add(number)
        new = set(_reads(graph.node[number])) - needed
        needed |= new
        waiting += sorted(new)
    constants = {tensor.name for tensor in graph.initializer}
    wanted = [port for port in graph.input if port.name in needed and port.name not in constants]
    allowed = set(inputs)
    if others := [port.name for port in wanted if port.name not in allowed]:
        raise InvalidEncoderError(
            f"The output {output} of this graph needs {', '.join(others)} too: pictures and texts cannot be encoded "
            "apart by it; export vision_model.onnx and text_model.onnx, each with its own projection."
        )
    half = onnx.ModelProto()
    half.CopyFrom(model)
    for field in ("node", "input", "output", "initializer", "sparse_initializer", "value_info"):
        half.graph.ClearField(field)
    half.graph.node.extend(node for number, node in enumerate(graph.node) if number in kept)
    half.graph.input.extend(wanted)
    half.graph.output.extend(answers)
    half.graph.initializer.extend(tensor for tensor in graph.initializer if tensor.name in needed)
    half.graph.sparse_initializer.extend(one for one in graph.sparse_initializer if one.values.name in needed)
    half.graph.value_info.extend(port for port in graph.value_info if port.name in needed)
    return bytes(half.SerializeToString(deterministic=True))


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Name what a node reads, also in graphs within."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for inner in (attribute.g, *attribute.graphs):
            yield from (port.name for port in inner.output)
            for one in inner.node:
                yield from _reads(one)
