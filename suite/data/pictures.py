"""From a file's bytes to pixels: read without ever waiting, decoded faithfully, refused with a reason."""

from __future__ import annotations

import errno
import io
import os
import re
import stat as modes
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from suite.errors import Stopped, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS = re.compile(r"\s*<[^<>]* object at 0x[0-9a-fA-F]+>|\s*at 0x[0-9a-fA-F]+")
DEEP, EIGHT_BITS = 65_535, 257  # the largest value of 16 bits; 16 bits of white over 8 of them
NEVER = (errno.EACCES, errno.EPERM, errno.ENXIO, errno.ELOOP, errno.EISDIR, errno.ENAMETOOLONG)


class Unreadable(OSError):
    """A file that is no image, and never was one since it was listed."""


class ImagesChanged(Stopped):
    """An image is not what it was when the images were told apart; the work resumes when it is back."""

    def __init__(self, message: str) -> None:
        """Torch hands over a worker's exception with its traceback in front of the message, which ends it."""
        super().__init__(message.rstrip().rpartition("ImagesChanged: ")[2].splitlines()[-1])


def read_file(path: str) -> bytes:
    """All bytes of a regular file.

    Raises:
        Unreadable: it is none (a folder, a socket, a pipe, a broken link), or may not be read.
        OSError: it cannot be read now.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe without a writer would block
    except OSError as fault:
        if fault.errno in NEVER:
            raise Unreadable(os.strerror(fault.errno or 0)) from fault
        if fault.errno == errno.ENOENT and os.path.islink(path):  # noqa: PTH114
            raise Unreadable("a link to nothing") from fault
        raise
    if not modes.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unreadable("not a regular file")
    with open(handle, "rb") as stream:  # noqa: PTH123 - of a handle
        return stream.read()


def read_part(path: str, first: int, size: int) -> bytes:
    """Some bytes of a tar file, opened for this alone: processes that share an open file share its position."""
    with open(path, "rb") as stream:  # noqa: PTH123 - often
        stream.seek(first)
        found = stream.read(size)
    if len(found) < size:
        raise OSError(errno.EIO, f"only {len(found)} of {size} bytes are there")
    return found


def opened(content: bytes) -> Image.Image:
    """The image that bytes hold, not decoded yet.

    Raises:
        Unreadable: they hold none.
    """
    if not content:
        raise Unreadable("the file is empty")
    try:
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError as fault:
        raise Unreadable("not an image of a known kind") from fault


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Decode and convert to ``RGB`` or ``L``; grey of 16 bits is brought to 8, which Pillow would cut off at white.

    Raises:
        Unreadable: the image has numbers that 8 bits cannot show faithfully.
    """
    if image.mode.startswith("I"):  # I;16 and its kin, and I, as which some versions open them
        values = np.asarray(image)
        if values.size and not 0 <= int(values.min()) <= int(values.max()) <= DEEP:
            raise Unreadable(f"values of mode {image.mode} beyond 16 bits have no faithful form in 8")
        image = Image.fromarray(np.rint(values / EIGHT_BITS).astype(np.uint8))
    elif image.mode == "F":
        raise Unreadable("an image of floating-point numbers (mode F), whose white nobody knows")
    return image.convert(mode)


def reason(fault: BaseException) -> str:
    """Why an image cannot be read, in one line, the same in every process."""
    if isinstance(fault, Unreadable):
        return str(fault)
    return ADDRESS.sub("", one_line(fault)).rstrip(". ")


def or_gone(read: Callable[[], bytes], name: str, where: str) -> bytes:
    """The bytes of an image of which nobody knows that it could not be read.

    Raises:
        Unreadable: it is no regular file.
        ImagesChanged: it cannot be read now.
    """
    try:
        return read()
    except Unreadable:
        raise
    except OSError as fault:
        raise gone(name, where, fault) from fault


def gone(name: str, where: str, fault: OSError) -> ImagesChanged:
    """What is said of an image that was there when its folder was listed."""
    return ImagesChanged(
        f"{name} in {where} cannot be read ({fault.strerror or one_line(fault)}): is the disk still there, or did "
        "somebody change the images? run again once they are back"
    )


def require_same(found: str, expected: str, name: str, where: str) -> None:
    """Hold an image to its digest.

    Raises:
        ImagesChanged: it is another.
    """
    if found != expected:
        raise ImagesChanged(
            f"{name} in {where} is not what it was when the images were told apart: put it back and run again, or "
            "start again with the images as they are"
        )
