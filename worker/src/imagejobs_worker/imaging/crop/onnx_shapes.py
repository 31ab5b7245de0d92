"""Removes the fixed input size from an ONNX model, so that it takes pictures of any size.

It reads the file's protobuf itself: the library that can do the same weighs 20 MB.
Field numbers are those of onnx.proto: ModelProto.graph 7, GraphProto.input 11 and output 12,
ValueInfoProto.name 1 and type 2, TypeProto.tensor_type 1, TypeProto.Tensor.shape 2.
"""

from collections.abc import Callable, Mapping

Change = Callable[[bytes], bytes | None]


def remove_fixed_shapes(model: bytes, name: str) -> bytes:
    """Return the model without the shapes of the input of this name and of all outputs.

    Raises:
        ValueError: The model is no protobuf message.
    """
    # A ValueInfoProto begins with its name: key, length, text.
    named = b"\x0a" + _varint_bytes(len(name)) + name.encode()

    def freed_input(value: bytes) -> bytes:
        return _drop_shape(value) if value.startswith(named) else value

    return _change_fields(model, {7: lambda graph: _change_fields(graph, {11: freed_input, 12: _drop_shape})})


def _drop_shape(value: bytes) -> bytes:
    return _change_fields(
        value,
        {
            2: lambda kind: _change_fields(
                kind, {1: lambda tensor: _change_fields(tensor, {2: lambda _: None})}
            )
        },
    )


def _change_fields(message: bytes, changes: Mapping[int, Change]) -> bytes:
    """Apply changes to length-delimited fields by number; a change that returns None drops its field."""
    out, at = bytearray(), 0
    while at < len(message):
        begin = at
        key, at = _read_varint(message, at)
        # Wire types: protobuf.dev/programming-guides/encoding.
        match key & 7:
            case 0:
                _, at = _read_varint(message, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case 2:
                length, at = _read_varint(message, at)
                at += length
                if change := changes.get(key >> 3):
                    new = change(message[at - length : at])
                    out += b"" if new is None else _varint_bytes(key) + _varint_bytes(len(new)) + new
                    continue
            case wire:
                raise ValueError(f"wire type {wire} in an ONNX model")
        out += message[begin:at]
    return bytes(out)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number and the offset behind it."""
    value = shift = 0
    while True:
        byte, at = message[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
