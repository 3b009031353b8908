"""Which of a head's outputs are the classes that there are images of; an order is known or asked for, never assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.data.listing import synsets
from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Sequence

IMAGENET = 1000  # outputs of a head whose order is that of ImageNet-1k's synsets
OF_HEAD = "head"


def columns_of(
    classes: Sequence[str], *, outputs: int, network: str, trained_on_them: bool = False, order: str = ""
) -> list[int] | None:
    """Which of a network's outputs are the classes of the images, in the order of their labels; None for all in order.

    Args:
        classes: names of the images' classes in the order of their labels.
        outputs: of the network's head.
        network: its name, for messages.
        trained_on_them: the head was trained on, or drawn for, these very images: its order is theirs.
        order: ``head`` if the profile says (``classes_order`` in ``[data]``) that the classes are in the head's order.

    Raises:
        SuiteError: the network has other classes, or nobody knows which output is which class.
    """
    if trained_on_them or (order == OF_HEAD and outputs == len(classes)):
        return None
    if outputs == IMAGENET:
        known = {name: column for column, name in enumerate(synsets())}
        if set(classes) <= known.keys():
            columns = [known[name] for name in classes]
            return None if columns == list(range(outputs)) else columns
        if len(classes) == outputs:
            raise SuiteError(
                f"the outputs of {network} are in the order of ImageNet's synsets, and these class folders "
                f"({classes[0]}, {classes[1]}, ...) are not named by them, so that nobody knows which is which: name "
                f'them by synset, or say classes_order = "{OF_HEAD}" in [data] if their order is the same'
            )
    elif outputs == len(classes):
        return None
    raise SuiteError(
        f"{network} tells {outputs} classes apart and the images have {len(classes)}: give a teacher of the same "
        "classes, or class folders named by ImageNet's synsets"
    )
