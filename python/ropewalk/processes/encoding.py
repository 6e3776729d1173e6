"""Tasks and results as bytes, and why something can not be sent."""

from __future__ import annotations

import copyreg
import io
import pickle
from collections import ChainMap
from multiprocessing.reduction import ForkingPickler
from typing import Any

__all__ = ["Failure", "decode", "encode", "encode_failure", "encode_task"]

decode = pickle.loads


class _Pickler(pickle.Pickler):
    """Knows all reducers of ``copyreg`` and of ``ForkingPickler``, also those registered later."""

    dispatch_table = ChainMap(ForkingPickler._extra_reducers, copyreg.dispatch_table)  # type: ignore[attr-defined]


def encode(value: Any) -> bytes:
    """The bytes from which ``decode`` makes the value again, in any process.

    Raises what pickling the value raises.
    """
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def encode_task(task: tuple[Any, tuple[Any, ...], dict[str, Any]]) -> bytes:
    """A function, its arguments, its keywords. What plain pickle can not send goes by cloudpickle, if that is there.

    Raises what pickling raised, with a note that says where in the task the reason is.
    """
    try:
        return encode(task)
    except Exception as error:
        try:
            import cloudpickle  # type: ignore[import-not-found]

            return cloudpickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)  # type: ignore[no-any-return]
        except Exception as reason:
            from ropewalk.processes.blame import explain

            explain(error, task, without_cloudpickle=isinstance(reason, ImportError))
        raise


class Failure:
    """An exception on its way: it may turn out that it can not be read, but its text always can."""

    def __init__(self, name: str, text: str, pickled: bytes) -> None:
        self.name = name
        self.text = text
        self.pickled = pickled


def encode_failure(name: str, text: str, pickled: bytes) -> bytes:
    return pickle.dumps((name, text, pickled), pickle.HIGHEST_PROTOCOL)


def decode_failure(body: bytes) -> Failure:
    return Failure(*pickle.loads(body))
