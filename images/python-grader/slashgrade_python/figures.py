"""Pictures: of the student's open figures, and those that tests write to files, as data URLs."""

from __future__ import annotations

import binascii
import io
import os
import re
import sys
import zlib
from pathlib import Path

from slashgrade_python import drawing

#: The most bytes of one picture: the whole result may have 1 MiB, and base64 makes four bytes of three.
PICTURE_LIMIT = 700_000
#: A picture as a data URL, also with the characters that the original escapes in it.
DATA_URL = re.compile(rb"data:image/[a-z+]+;base64,[A-Za-z0-9+/=%]+")
#: The bytes of pictures after which no more are drawn: a result with so many of them is shown without any.
ALL_PICTURES_LIMIT = 1_000_000
#: How Pillow packs one. Plots have long runs of one colour: full ones take half the usual time, and no more bytes.
COMPRESSION = {"compress_type": zlib.Z_RLE}


def pictures() -> list[bytes]:
    """Return the open figures in the order of their numbers, as PNG, if the current axes show something.

    As the original does, that makes axes where there are none, and the last figure is the current one afterwards.
    """
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not pyplot.gca().has_data():
        return []
    found: list[bytes] = []
    for number in pyplot.get_fignums():
        file = io.BytesIO()
        with drawing.once():
            pyplot.figure(number).savefig(file, format="png", pil_kwargs=COMPRESSION)
        found.append(file.getvalue())
        if sum(map(len, found)) > ALL_PICTURES_LIMIT:
            break
    return found


def data_url(picture: bytes) -> str:
    """Return a PNG as a data URL."""
    return "data:image/png;base64," + binascii.b2a_base64(picture, newline=False).decode()


def save(picture: bytes, path: Path) -> None:
    """Keep a picture where tests and staff can find it; a file of the student's in its place is left alone."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb") as file:
            file.write(picture)
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)


def of_test(folder: Path, name: str) -> list[str]:
    """Return the picture that a test called ``name`` wrote to ``image_<name>.png``, if it did.

    The file holds a picture or, as the original wants it, a data URL.
    """
    path = folder / f"image_{os.path.basename(name)}.png"
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            picture = file.read(PICTURE_LIMIT + 1)
    except OSError:
        return []
    if len(picture) > PICTURE_LIMIT:
        return []
    text = picture.strip()
    return [text.decode()] if DATA_URL.fullmatch(text) else [data_url(picture)]
