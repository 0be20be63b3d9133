"""Exceptions that cross between the processes."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from slashgrade_python import mirror, tracebacks
from slashgrade_python.limits import TimedOut

if TYPE_CHECKING:
    from slashgrade_python.codec import Decoder, Encoder

#: What is not sent to the other side: the tester's own reasons to stop.
ENDS_CONVERSATION = TimedOut

#: The most characters of a traceback.
TRACEBACK_LIMIT = 20_000


def encode(error: BaseException, encoder: Encoder) -> Any:
    """Return the tree of an exception: its class, arguments, attributes, text, and traceback for the student."""
    wording = tracebacks.CURRENT
    trace = tracebacks.for_student(error, wording)
    return [
        encoder.objects.class_tree(type(error), encoder),  # type: ignore[attr-defined]
        encoder.items(error.args),
        encoder.encode({key: value for key, value in vars(error).items() if not key.startswith("_")}),
        text_of(error),
        trace[-TRACEBACK_LIMIT:],
    ]


def text_of(error: BaseException) -> str:
    """Return ``str(error)``, or a substitute if the exception's own method fails."""
    try:
        return str(error)
    except Exception:
        return f"<{type(error).__name__} without text>"


def decode(tree: Any, decoder: Decoder) -> BaseException:
    """Return the exception, carrying the other side's traceback; none of its class's own code is run."""
    kind, args, attributes, text, trace = tree
    error = _new(decoder.decode(kind), tuple(decoder.items(args)), str(text))
    for key, value in decoder.decode(attributes).items():
        vars(error)[str(key)] = value
    vars(error)[tracebacks.REMOTE] = str(trace)
    return error


def _new(kind: Any, args: tuple[Any, ...], text: str) -> BaseException:
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        return Exception(text)
    if not isinstance(kind, mirror.RemoteType):
        return _new_builtin(kind, args, text)
    known = mirror.library_class(kind.__module__, kind.__qualname__)
    if known is not None and issubclass(known, Exception):
        kind = known
    made: Any = kind
    error: BaseException = made.__new__(made, *args)
    error.args = args
    if kind is not known:
        vars(error)["_remote_text"] = text
    return error


def _new_builtin(kind: type[BaseException], args: tuple[Any, ...], text: str) -> BaseException:
    if vars(builtins).get(kind.__name__) is not kind:
        return Exception(text)
    try:
        error: BaseException = kind(*args)
        return error
    except Exception:  # arguments that the class does not take
        return Exception(text)
