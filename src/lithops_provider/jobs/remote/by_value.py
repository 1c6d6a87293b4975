"""Pickles by value what can't be imported elsewhere, and keeps the file names of its code."""

from __future__ import annotations

import io
import pickle
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: What cloudpickle writes since 3.1.3 in place of a code's file name. Tracebacks would name neither file nor line.
_NO_FILE = "<dynamic-code>"


def reduce_code(code: CodeType, reducers: Mapping[type, Callable[[Any], Any]]) -> tuple[Any, tuple[Any, ...]]:
    """
    Reduces code as cloudpickle does, and puts the file name back in.

    :param code: the code of a function
    :param reducers: cloudpickle's own
    """
    make, arguments = reducers[CodeType](code)
    return make, tuple(
        code.co_filename if isinstance(argument, str) and argument == _NO_FILE else argument for argument in arguments
    )


def dump_by_value(value: Any) -> bytes:
    """
    Pickles a value with cloudpickle.

    :param value: such as an instance of a class that was sent by value itself
    """
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, CodeType):
                return reduce_code(obj, self.dispatch_table)
            return super().reducer_override(obj)

    buffer = io.BytesIO()
    Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()
