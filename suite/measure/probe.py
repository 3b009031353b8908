"""What a measurement is: a probe looks at the features of one layer, a few images at a time, and ends with arrays.

A new measurement is one file in `suite/measure/probes` with one subclass of `Probe`. Nothing else is changed, and the
arrays of all other probes stay what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from suite.measure._keep import Rows, Sums

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from suite.measure._layer import Layer, Piece


class Form(Enum):
    """How the arrays of the layers are put together; ``I`` images, ``L`` layers, ``LL`` the layer in two digits."""

    PER_IMAGE = "[L, I]"
    PER_LAYER = "[L]"
    ROWS = "NAME.LL [I, ...]"
    CURVE = "NAME.LL [n], and grouped.NAME.LL [groups, n] where images are in several groups"


@dataclass(frozen=True)
class Curve:
    """Numbers averaged over images.

    Attributes:
        mean: ``[n]``, over all images.
        groups: ``[groups, n]``, over the images of each group.
    """

    mean: Tensor
    groups: Tensor

    @classmethod
    def of(cls, sums: Sums) -> Curve:
        """The means that sums over images give."""
        return cls(sums.mean(), sums.means())


class Probe:
    """A measurement of one layer.

    A subclass says in class attributes what it gives and what it needs, measures in `update` and hands over in
    `finish`. What it keeps between updates it puts into `kept`, so that a stream can be saved and resumed. Its results
    must not depend on other probes: what several of them need is computed once, by `Piece.once` and `Layer.once`.

    Attributes:
        ARRAYS: name of every array and how it is put together.
        DEEP: it is measured at the deep layers alone, which the stream is told: it costs too much for all.
        SECOND_LOOK: in `finish` it reads the features of all images again, from disk. Such a probe is deep.
        CALIBRATED: it depends on the range of values in the first images; other probes do not depend on the order in
            which images come.
        LEAST_IMAGES: fewest images that it can measure.
    """

    ARRAYS: ClassVar[Mapping[str, Form]] = {}
    DEEP: ClassVar[bool] = False
    SECOND_LOOK: ClassVar[bool] = False
    CALIBRATED: ClassVar[bool] = False
    LEAST_IMAGES: ClassVar[int] = 1

    def __init__(self, layer: Layer) -> None:
        """Begin at a layer of which nothing but shape, type and ranges is known."""
        self.layer = layer
        self.kept: dict[str, Rows | Sums] = {
            name: Rows() for name, form in self.ARRAYS.items() if form in (Form.PER_IMAGE, Form.ROWS)
        }

    def update(self, piece: Piece) -> None:
        """Measure some images.

        Args:
            piece: their features.
        """

    def finish(self) -> Mapping[str, Tensor | Curve | float]:
        """The arrays of this layer, by name; those of rows that were kept are added to them.

        Returns:
            A tensor ``[I]`` or ``[I, ...]`` for rows, a `Curve`, or a number.

        Raises:
            ValueError: this layer has no such measurement.
        """
        return {}

    def rows(self, **values: Tensor) -> None:
        """Keep rows, by the names of arrays.

        Args:
            **values: ``[b]`` or ``[b, ...]`` of the next images.
        """
        for name, part in values.items():
            kept = self.kept[name]
            assert isinstance(kept, Rows)
            kept.add(part)

    def sums(self, name: str, size: int) -> Sums:
        """Room for sums over images, kept under a name.

        Args:
            name: of the array, or any other.
            size: numbers.

        Returns:
            The sums, at zero.
        """
        room = Sums(size, groups=self.layer.groups, device=self.layer.device)
        self.kept[name] = room
        return room

    def results(self) -> dict[str, Tensor | Curve | float]:
        """The arrays of this layer, all that `ARRAYS` names."""
        found = dict(self.finish())
        for name, kept in self.kept.items():
            if isinstance(kept, Rows) and name in self.ARRAYS and name not in found:
                found[name] = kept.values()
        assert found.keys() == self.ARRAYS.keys(), f"{type(self).__module__} promises other arrays"
        return found

    def state(self) -> dict[str, Any]:
        """What `load` goes on from."""
        if self.SECOND_LOOK:
            return {}
        return {name: kept.state() for name, kept in self.kept.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        for name, kept in state.items():
            self.kept[name].load(kept)
