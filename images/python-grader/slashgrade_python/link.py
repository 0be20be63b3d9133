"""One end of the connection between the tester and a student's process.

Both ends are alike: each can ask the other to do something with one of the objects that the other has named, and while
it waits for the answer it serves what the other asks. What an end may be asked, and what it may be sent, is its
*side*'s to decide (``sides.py``): the tester serves only objects that tests handed out, and never unpickles.

Messages (JSON arrays): ``["ask", operation, number, arguments, state]``, ``["answer", value, state]``,
``["raise", error, state]``, ``["print", text]``. A state carries what changed meanwhile: shared containers, generators
of random numbers, text that was printed.
"""

from __future__ import annotations

import contextlib
import copy
import sys
import types
from collections.abc import Callable
from typing import Any, Protocol

from slashgrade_python import errors, mirror, service
from slashgrade_python.codec import Decoder, Encoder, Undecodable
from slashgrade_python.sharing import READ_CONTAINERS, READ_ITEMS, Shared, pinnable
from slashgrade_python.turns import Turns
from slashgrade_python.wire import Channel, Closed


class Side(Protocol):
    """What the two ends do differently."""

    #: Whether containers that the other side reads from objects of this side are kept in step for a while.
    shares_what_is_read: bool
    #: Whether it asks when nothing is going on.
    begins: bool

    def by_value(self, value: Any, encoder: Encoder) -> Any:
        """Return a tree that carries ``value`` itself, or None to name it by number."""

    def value_of(self, tree: Any, decoder: Decoder) -> Any:
        """Return the value of such a tree. Raises Undecodable."""

    def permit(self, operation: str, target: Any, arguments: tuple[Any, ...]) -> None:
        """Raise PermissionError if the other side may not ask this: one of OPERATIONS, or ``service.MAKE``."""

    def state(self) -> Any:
        """Return what else the other side must know before it goes on; plain JSON."""

    def adopt(self, state: Any) -> None:
        """Take over the other side's ``state``."""

    def printed(self, text: str) -> None:
        """Take text that was printed on the other side."""


#: How many of Python's frames may lie on one another while a message is made or read: some six for a level of nesting.
DEPTH = 50_000


class _Deep:
    """A block in which values may be nested as deeply as JSON's parser allows: some thousand levels."""

    def __enter__(self) -> None:
        self._before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(self._before, DEPTH))

    def __exit__(self, *_: object) -> None:
        sys.setrecursionlimit(self._before)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda target, *args, **kwargs: target(*args, **kwargs),
    "getattr": getattr,
    "setattr": setattr,
    "delattr": delattr,
    "dir": dir,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "special": lambda target, name, *args, **kwargs: getattr(type(target), name)(target, *args, **kwargs),
}


class Link:
    """Objects of both sides by number, and the conversation about them."""

    def __init__(self, channel: Channel, side: Side, root: Any) -> None:
        """root: the object that the other side knows from the start, as number 0."""
        self.channel = channel
        self.side = side
        self.pinned = Shared([], "p")
        #: Containers that the tester has read from objects of the student's lately.
        self.read = Shared([], "q")
        self._exported: dict[int, Any] = {0: root}
        self._numbers: dict[int, int] = {id(root): 0}
        self._remote: dict[int, Any] = {}
        #: The numbers of the classes that are known to the other side as some object's class, no more.
        self._described: set[int] = set()
        self.turns = Turns(side.begins)

    # ------------------------------------------------------------------ asking and answering

    def call(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call object ``number`` of the other side."""
        return self.request("call", number, args, kwargs)

    def request(self, operation: str, number: int, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        """Have the other side do something with one of its objects; return its answer or raise its exception."""
        with self.turns.asking():
            encoder = self._encoder(None)
            keywords = kwargs or {}
            with _Deep():
                arguments = [encoder.encode(tuple(args)), list(keywords), encoder.encode(tuple(keywords.values()))]
            shared = Shared(list(encoder.met), "a")
            self._send(["ask", operation, number, arguments], encoder, None)
            return self._await(shared)

    def root(self, name: str, *args: Any) -> Any:
        """Call a method of the other side's root object."""
        return self.request("special", 0, (name, *args))

    def serve(self) -> None:
        """Answer until the other side is gone."""
        while True:
            tree, buffers = self.channel.receive()
            if isinstance(tree, list) and tree and tree[0] == "ask":
                self._answer(tree, buffers)
            else:
                raise Closed("out of turn")

    def _await(self, shared: Shared) -> Any:
        """Wait for the answer to a request whose arguments hold the containers ``shared``."""
        while True:
            tree, buffers = self.channel.receive()
            kind = tree[0] if isinstance(tree, list) and tree else None
            if kind == "ask":
                self._answer(tree, buffers)
            elif kind == "print":
                self.side.printed(str(tree[1]))
            elif kind in ("answer", "raise"):
                value = self._finish(tree, self._decoder(buffers, shared), shared)
                if kind == "raise":
                    raise value
                return value
            else:
                raise Closed("not a message")

    def drain(self) -> str:
        """Wait for the end of a request that was given up; return the traceback if it ended by an exception."""
        with self.turns.asking():
            return self._drained()

    def _drained(self) -> str:
        while True:
            tree, buffers = self.channel.receive()
            kind = tree[0] if isinstance(tree, list) and tree else None
            if kind == "print":
                self.side.printed(str(tree[1]))
            elif kind in ("answer", "raise"):
                decoder = Decoder(self, buffers, lambda _: None)
                with contextlib.suppress(Undecodable):  # for the classes that it describes: it does so only once
                    decoder.decode(tree[1][0] if kind == "raise" else tree[1])
                self._pin(tree[3], decoder.met)
                self.side.adopt(tree[2][1])
                return str(tree[1][4]) if kind == "raise" else ""
            elif kind != "ask":  # what is asked meanwhile was given up with the request
                raise Closed("not a message")

    def _finish(self, tree: Any, decoder: Decoder, shared: Shared) -> Any:
        """Decode an answer and take over the state that came with it."""
        try:
            with _Deep():
                value = errors.decode(tree[1], decoder) if tree[0] == "raise" else decoder.decode(tree[1])
            self._take(tree[2], decoder, shared)
            self._pin(tree[3], decoder.met)
        except (Undecodable, IndexError, TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            raise Closed(f"not an answer: {error}") from error
        return value

    def _pin(self, pins: Any, met: list[Any]) -> None:
        """Share what both sides have to keep in step from here on, as the answer says: ``[how, how many]`` or None."""
        if not pins:
            return
        how, count = pins
        if how == Pinning.how:
            self.pinned = Shared(met[:count], "p")
        elif len(met) < count:
            raise IndexError("fewer containers than named")
        else:
            self.read.add(met[:count], READ_CONTAINERS)

    def _answer(self, tree: Any, buffers: list[bytes]) -> None:
        decoder = self._decoder(buffers, None)
        try:
            _, operation, number, arguments, state = tree
            with _Deep():
                args = decoder.decode(arguments[0])
                kwargs = dict(zip(map(str, arguments[1]), decoder.decode(arguments[2]), strict=True))
            count = len(decoder.met)
            self._take(state, decoder, None)
            shared = Shared(decoder.met[:count], "a")
            target = self._exported[number]
        except (Undecodable, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
            raise Closed(f"not a request: {error}") from error
        try:
            asked = service.MAKE if operation == "call" and number in self._described else operation
            self.side.permit(asked, target, args)
            value = self._do(operation, target, args, kwargs)
        except (Closed, errors.ENDS_CONVERSATION):
            raise
        except BaseException as error:
            self._reply("raise", error, shared)
            return
        reads = operation == "getattr" or (operation == "special" and args[0] == "__getitem__")
        if reads and self.side.shares_what_is_read:
            value = Reading(value)
        self._reply("answer", value, shared)

    def _do(self, operation: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with self.turns.serving():
            return OPERATIONS[operation](target, *args, **kwargs)

    def _reply(self, kind: str, value: Any, shared: Shared) -> None:
        encoder = self._encoder(shared)
        try:
            with _Deep():
                tree = errors.encode(value, encoder) if kind == "raise" else encoder.encode(_content(value))
        except Exception as error:  # nested too deeply, or a class of the student's that misbehaves
            kind, encoder = "raise", self._encoder(shared)
            tree = errors.encode(ValueError(f"the value cannot be passed on: {type(error).__name__}"), encoder)
        pins = value.pins(encoder.met) if isinstance(value, Pinning) and kind == "answer" else None
        met = list(encoder.met)
        try:
            self._send([kind, tree], encoder, shared, pins)
        except RecursionError:  # too deep for JSON; nothing of it has been sent
            self._reply("raise", ValueError("the value cannot be passed on: it is nested too deeply"), shared)
        else:
            self._pin(pins, met)

    # ------------------------------------------------------------------ messages

    def _encoder(self, shared: Shared | None) -> Encoder:
        names = self.read.names() | self.pinned.names()
        return Encoder(self, names | shared.names() if shared else names)

    def _decoder(self, buffers: list[bytes], shared: Shared | None) -> Decoder:
        def known(tree: Any) -> Any:
            return self._shared(tree[0], shared).objects[tree[1]]

        return Decoder(self, buffers, known)

    def _shared(self, tag: str, arguments: Shared | None) -> Shared:
        found = {"p": self.pinned, "q": self.read, "a": arguments}[tag]
        if found is None:
            raise Undecodable("no arguments to name")
        return found

    def _send(self, message: list[Any], encoder: Encoder, shared: Shared | None, pins: Any = None) -> None:
        with _Deep():
            changes = [
                [tag, number, encoder.encode(content)]
                for tag, known in (("p", self.pinned), ("q", self.read), ("a", shared))
                if known is not None
                for number, content in known.changes()
            ]
        message.append([changes, self.side.state()])
        if message[0] != "ask":
            message.append(pins)
        self.channel.send(message, encoder.buffers)

    def _take(self, state: Any, decoder: Decoder, shared: Shared | None) -> None:
        changes, rest = state
        with _Deep():
            contents = [(tag, number, decoder.decode(content)) for tag, number, content in changes]
        for tag, number, content in contents:
            self._shared(tag, shared).apply(number, content)
        self.side.adopt(rest)

    # ------------------------------------------------------------------ objects by number

    def tree_of(self, value: Any, encoder: Encoder) -> Any:
        """Return a tree for ``value``: the other side's own number, its content, or a number of ours."""
        if isinstance(value, mirror.RemoteObject) and value._remote_link is self:
            return ["yours", value._remote_number]
        if isinstance(value, mirror.RemoteType):
            return ["yours", mirror.identity(value)[1]]
        if isinstance(value, types.FunctionType) and hasattr(value, mirror.NUMBER):
            return ["yours", getattr(value, mirror.NUMBER)]
        if isinstance(value, BaseException):
            return ["error", errors.encode(value, encoder)]
        tree = self.side.by_value(value, encoder)
        if tree is not None:
            return tree
        return self._export(value, encoder)

    def _export(self, value: Any, encoder: Encoder) -> Any:
        if isinstance(value, type):
            tree = self.class_tree(value, encoder)
            self._described.discard(self._numbers.get(id(value), -1))
            return tree
        known = id(value) in self._numbers
        number = self._numbers.setdefault(id(value), len(self._exported))
        self._exported[number] = value
        if isinstance(value, types.FunctionType):
            defaults = encoder.encode([value.__defaults__ or (), value.__kwdefaults__ or {}])
            return ["function", number, mirror.describe_function(value), defaults]
        return ["object", number, None if known else self.class_tree(type(value), encoder)]

    def class_tree(self, kind: type, encoder: Encoder) -> Any:
        """Return a tree that names a class: a built-in by its name, any other by number and description."""
        if mirror.builtin_class(kind.__name__) is kind:
            return ["builtin", kind.__name__]
        if isinstance(kind, mirror.RemoteType):
            return ["yours", mirror.identity(kind)[1]]
        known = id(kind) in self._numbers
        number = self._numbers.setdefault(id(kind), len(self._exported))
        self._exported[number] = kind
        if known:
            return ["class", number, None, []]
        self._described.add(number)
        bases = [self.class_tree(base, encoder) for base in kind.__bases__]
        return ["class", number, mirror.describe(kind), bases]

    def value_of(self, tree: Any, decoder: Decoder) -> Any:
        """Return what a tree names. Raises Undecodable."""
        try:
            return self._value_of(tree, decoder)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise Undecodable(f"{type(error).__name__}: {error}") from error

    def _value_of(self, tree: Any, decoder: Decoder) -> Any:
        tag = tree[0]
        if tag == "yours":
            return self._exported[tree[1]]
        if tag == "object":
            return self._object(tree, decoder)
        if tag == "function":
            return self._function(tree, decoder)
        if tag == "class":
            return self._class(tree, decoder)
        if tag == "builtin":
            found = mirror.builtin_class(tree[1])
            if found is None:
                raise Undecodable("no such class")
            return found
        if tag == "error":
            return errors.decode(tree[1], decoder)
        return self.side.value_of(tree, decoder)

    def _object(self, tree: Any, decoder: Decoder) -> Any:
        number = int(tree[1])
        if number not in self._remote:
            kind = decoder.decode(tree[2])
            if not isinstance(kind, mirror.RemoteType) or issubclass(kind, BaseException):
                kind = mirror.plain_class(self, kind)
            self._remote[number] = mirror.new_object(self, number, kind)
        return self._remote[number]

    def _function(self, tree: Any, decoder: Decoder) -> Any:
        _, number, description, defaults = tree
        known = decoder.decode(defaults)
        if number not in self._remote:
            self._remote[number] = mirror.new_function(self, int(number), description, known)
        return self._remote[number]

    def _class(self, tree: Any, decoder: Decoder) -> Any:
        _, number, description, bases = tree
        found = [decoder.decode(base) for base in bases]
        if number not in self._remote:
            self._remote[number] = mirror.new_class(self, int(number), description, found)
        return self._remote[number]


class Pinning:
    """An answer whose containers both sides keep in step from here on: the values of the student's names."""

    how = "names"

    def __init__(self, value: Any) -> None:
        self.value = value

    def pins(self, met: list[Any]) -> Any:
        """Return what the answer says of the containers ``met`` in it: ``[how, how many]``, or None."""
        return [self.how, len(met)] if met and pinnable(met) else None


class Reading(Pinning):
    """An answer whose containers both sides keep in step for a while: what was read from an object."""

    how = "read"

    def pins(self, met: list[Any]) -> Any:
        """Return the same for this kind of answer."""
        return [self.how, len(met)] if met and pinnable(met, READ_CONTAINERS, READ_ITEMS) else None


def _content(value: Any) -> Any:
    return value.value if isinstance(value, Pinning) else value
