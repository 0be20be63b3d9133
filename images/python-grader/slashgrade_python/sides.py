"""What the tester's end of a link does differently from the student's.

The tester is careful: it decodes only harmless values, and serves only what tests handed to student code: functions may
be called, objects used by their public attributes and operators. The student's end trusts the tester: it unpickles what
the tester sends, and does with its own objects whatever it is asked.
"""

from __future__ import annotations

import _thread
import builtins
import contextlib
import importlib
import io
import pickle
import random
import sys
import types
from typing import Any

from slashgrade_python import portable, service
from slashgrade_python.codec import Decoder, Encoder, Undecodable


class SharedClasses:
    """Classes that the question gives to student code (names_for_user): both sides have them, under one name.

    Their instances cross by value, attributes and all, so that both sides hold real objects: trees, linked lists.
    """

    def __init__(self) -> None:
        self._names: dict[type, str] = {}
        self._classes: dict[str, type] = {}

    def learn(self, given: dict[str, Any]) -> None:
        """Take the classes among ``given`` as known to both sides."""
        for name, value in given.items():
            if isinstance(value, type) and _has_plain_instances(value):
                self._names[value] = name
                self._classes[name] = value

    def encode(self, value: Any, encoder: Encoder) -> Any:
        """Return the tree of an instance of a known class, or None."""
        name = self._names.get(type(value))
        if name is None:
            return None
        encoder.meet(value)
        state = vars(value)
        return ["instance", name, list(state), encoder.items(list(state.values()))]

    def decode(self, tree: Any, decoder: Decoder) -> Any:
        """Return the instance; none of its class's own code is run."""
        value: Any = object.__new__(self._classes[tree[1]])
        decoder.meet(value)
        vars(value).update(zip(map(str, tree[2]), decoder.items(tree[3]), strict=True))
        return value


def _has_plain_instances(kind: type) -> bool:
    """Return whether instances have a ``__dict__`` and nothing else."""
    return (
        bool(kind.__dictoffset__)
        and kind.__basicsize__ == _Plain.__basicsize__
        and not any("__new__" in vars(base) for base in kind.__mro__[:-1])
    )


class _Plain:
    pass


def _numpy_class(value: Any) -> Any:
    """Return the tree of NumPy's array class or a class of its scalars, or None."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, type) or not issubclass(value, numpy.generic | numpy.ndarray):
        return None
    name = getattr(value, "__name__", "")
    return ["numpy", name] if getattr(numpy, name, None) is value else None


def _class_of_numpy(name: str) -> Any:
    numpy = importlib.import_module("numpy")
    found = getattr(numpy, name)
    if not (isinstance(found, type) and issubclass(found, numpy.generic | numpy.ndarray)):
        raise Undecodable("not a class of NumPy's")
    return found


class TesterSide:
    """The tester's rules."""

    shares_what_is_read = False
    begins = True

    def __init__(self, host: Host, secret_files: frozenset[str]) -> None:
        """secret_files: sources whose functions never leave the process, the reference answer's."""
        self.classes = SharedClasses()
        self._host = host
        self._secret_files = secret_files
        self._random: Any = None
        self._numpy: Any = None

    def by_value(self, value: Any, encoder: Encoder) -> Any:
        """Return a tree that carries ``value``: a module's name, an instance of a shared class, a pickle."""
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        tree = _numpy_class(value) or self.classes.encode(value, encoder)
        if tree is not None:
            return tree
        data = portable.pickled(value, self._secret_files)
        return None if data is None else ["pickle", encoder.buffer(data)]

    def value_of(self, tree: Any, decoder: Decoder) -> Any:
        """Return an instance of a shared class or a class of NumPy's; refuse everything else."""
        if tree[0] == "instance":
            return self.classes.decode(tree, decoder)
        if tree[0] == "numpy":
            return _class_of_numpy(str(tree[1]))
        raise Undecodable(f"unknown tag {tree[0]!r}")

    def permit(self, operation: str, target: Any, arguments: tuple[Any, ...]) -> None:
        """Allow calls of what can be called, and of other objects public attributes and operators."""
        name = arguments[0] if arguments else ""
        if isinstance(target, Host) and operation == "special" and name in Host.METHODS:
            return
        if not service.permits(operation, target, name):
            raise PermissionError(f"{operation} {name!r} is not allowed on this object of the tests")

    def state(self) -> Any:
        """Return the generators' states if tests have changed them, and whether tests answer ``input()``."""
        return {"random": self._changed_random(), "numpy": self._changed_numpy(), "input": self._host.answers()}

    def adopt(self, state: Any) -> None:
        """Print what the student's code printed meanwhile, to wherever tests have directed their own output."""
        if state["out"]:
            self.printed(str(state["out"]))

    def printed(self, text: str) -> None:
        """Print ``text``."""
        sys.stdout.write(text)

    def _changed_random(self) -> Any:
        now = random.getstate()
        if now == self._random:
            return None
        self._random = now
        return now

    def _changed_numpy(self) -> Any:
        numpy = sys.modules.get("numpy.random")
        if numpy is None:
            return None
        kind, keys, position, has_gauss, gauss = numpy.get_state()
        now = [kind, keys.tolist(), int(position), int(has_gauss), float(gauss)]
        if now == self._numpy:
            return None
        self._numpy = now
        return now


class Host:
    """What student code may ask of the tester at any time: an answer to ``input()``, if tests give one."""

    METHODS = frozenset({"read_input", "read_line"})

    def __init__(self) -> None:
        self._input, self._stdin = builtins.input, sys.stdin

    def answers(self) -> bool:
        """Return whether tests have replaced ``input`` or standard input."""
        return builtins.input is not self._input or sys.stdin is not self._stdin

    def read_input(self, prompt: str) -> str:
        """Answer ``input(prompt)`` as tests have arranged it."""
        if builtins.input is not self._input:
            return builtins.input(prompt)
        sys.stdout.write(prompt)
        line = self.read_line()
        if not line:
            raise EOFError("EOF when reading a line")
        return line.rstrip("\n")

    def read_line(self) -> str:
        """Return the next line of the standard input that tests have arranged, or "" at its end."""
        return "" if sys.stdin is self._stdin else str(sys.stdin.readline())


class StudentSide:
    """The rules of the student's process."""

    shares_what_is_read = True
    begins = False

    def __init__(self, out: Relay) -> None:
        self.classes = SharedClasses()
        self.out = out
        #: Whether tests answer ``input()`` at the moment.
        self.input_is_answered = False

    def by_value(self, value: Any, encoder: Encoder) -> Any:
        """Return the tree of an instance of a shared class or of a class of NumPy's."""
        return _numpy_class(value) or self.classes.encode(value, encoder)

    def value_of(self, tree: Any, decoder: Decoder) -> Any:
        """Return a module, an instance, or what a pickle of the tester holds."""
        if tree[0] == "module":
            return importlib.import_module(tree[1])
        if tree[0] == "pickle":
            return pickle.loads(decoder.buffer(tree[1]))
        if tree[0] == "instance":
            return self.classes.decode(tree, decoder)
        if tree[0] == "numpy":
            return _class_of_numpy(tree[1])
        raise Undecodable(f"unknown tag {tree[0]!r}")

    def permit(self, operation: str, target: Any, arguments: tuple[Any, ...]) -> None:
        """Allow everything: it is the student's own process."""

    def state(self) -> Any:
        """Return what was printed since the last message."""
        return {"out": self.out.take()}

    def adopt(self, state: Any) -> None:
        """Take over the states of generators that tests have seeded or used."""
        self.input_is_answered = state["input"]
        if state["random"] is not None:
            version, internal, gauss = state["random"]
            random.setstate((version, tuple(internal), gauss))
        if state["numpy"] is not None:
            numpy = importlib.import_module("numpy.random")
            numpy.set_state(tuple(state["numpy"]))

    def printed(self, text: str) -> None:
        """Nothing is printed on the tester's side for the student's."""


class Relay(io.RawIOBase):
    """The raw end of the student's standard output: keeps bytes until the next message takes them along."""

    #: Bytes after which a message is sent for the output alone.
    FULL = 1 << 16

    def __init__(self) -> None:
        super().__init__()
        self._bytes = bytearray()
        self._mutex = _thread.RLock()
        self._buffered = io.BufferedWriter(self, 8192)
        #: The text stream over this, which is the program's standard output at first.
        self.text = io.TextIOWrapper(self._buffered, encoding="utf-8", errors="surrogateescape")
        #: Sends what was printed when there is much of it; set once there is a link.
        self.send: Any = None

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Keep ``data``."""
        with self._mutex:
            self._bytes += data
        if len(self._bytes) > self.FULL and self.send is not None:
            self.send(self._take())
        return len(data)

    def take(self) -> str:
        """Return what was printed and forget it.

        Programs may have detached or closed the text stream, or put another one over its buffer.
        """
        now = getattr(sys, "stdout", None)
        for stream in (self.text, now, self._buffered):
            if isinstance(stream, io.TextIOWrapper | io.BufferedWriter):
                with contextlib.suppress(Exception):
                    stream.flush()
        return self._take()

    def _take(self) -> str:
        with self._mutex:
            data, self._bytes = self._bytes, bytearray()
        return data.decode("utf-8", "replace")
