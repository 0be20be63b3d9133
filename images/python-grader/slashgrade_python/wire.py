"""Frames between two processes: a JSON tree, and the buffers (arrays, bytes) that it refers to by number.

A frame is a head of two little-endian 32-bit numbers (bytes of JSON, number of buffers), the buffers' sizes as 64-bit
numbers, the JSON, the buffers. What comes from a student's process is only ever parsed as JSON: nothing is unpickled.
"""

from __future__ import annotations

import _thread
import socket
import struct
from json import JSONDecoder, JSONEncoder
from typing import Any

#: Bound here, because the student's code may replace functions of module json in its own process.
_ENCODE = JSONEncoder(separators=(",", ":")).encode
_DECODE = JSONDecoder().decode

_HEAD = struct.Struct("<II")

#: Bounds of a frame: more is a broken or hostile peer. A job's memory is 2 GiB altogether.
TREE_LIMIT = 256 << 20
BUFFER_LIMIT = 1 << 30
BUFFERS = 1 << 20


class Closed(Exception):
    """The other process is gone, or sent what is no frame."""


class Channel:
    """Sends and receives frames over a stream socket.

    What was received of a frame is kept in the object, so that a reader that a signal's exception tore out of
    ``receive`` can come back for the rest.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.closed = False
        self._got = bytearray()
        self._sending = _thread.allocate_lock()

    def send(self, tree: Any, buffers: list[Any] | None = None) -> None:
        """Send one frame. Raises Closed if nobody is there to take it."""
        views = [memoryview(buffer).cast("B") for buffer in buffers or ()]
        text = _ENCODE(tree).encode()
        sizes = struct.pack(f"<{len(views)}Q", *(len(view) for view in views))
        try:
            with self._sending:  # a frame at a time, where several threads print
                self.socket.sendall(_HEAD.pack(len(text), len(views)) + sizes + text)
                for view in views:
                    self.socket.sendall(view)
        except OSError as error:
            raise Closed(str(error)) from error

    def receive(self) -> tuple[Any, list[bytes]]:
        """Wait for one frame. Raises Closed at its end or if it breaks a bound."""
        length, count = _HEAD.unpack_from(self._fill(_HEAD.size))
        if length > TREE_LIMIT or count > BUFFERS:
            raise Closed("frame too large")
        at = _HEAD.size + 8 * count
        sizes = struct.unpack_from(f"<{count}Q", self._fill(at), _HEAD.size)
        if sum(sizes) > BUFFER_LIMIT:
            raise Closed("frame too large")
        data = self._fill(at + length + sum(sizes))
        try:
            tree = _DECODE(data[at : at + length].decode())
        except (ValueError, RecursionError) as error:
            raise Closed("not a frame") from error
        at += length
        buffers = []
        for size in sizes:
            buffers.append(bytes(memoryview(data)[at : at + size]))
            at += size
        self._got = self._got[at:]
        return tree, buffers

    def close(self) -> None:
        """Close the socket."""
        self.closed = True
        self.socket.close()

    def _fill(self, size: int) -> bytearray:
        """Return the bytes received, once there are ``size`` of them."""
        while len(self._got) < size:
            try:
                piece = self.socket.recv(max(65536, min(size - len(self._got), 1 << 24)))
            except OSError as error:
                raise Closed(str(error)) from error
            if not piece:
                raise Closed("end of stream")
            self._got += piece
        return self._got
