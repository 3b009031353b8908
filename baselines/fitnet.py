"""FitNet as most tables have it: the hint is learned together with everything else."""

from collections.abc import Mapping
from typing import Any, ClassVar

from baselines._fitnet import Hint


class FitNet(Hint):
    """Hint loss on the middle layers, joint with the terms on logits."""

    name = "fitnet"
    title = "FitNet, joint"
    source = (
        "Romero et al., arXiv 1412.6550, Eq. 3 (there in two stages: `fitnet_two_stage`); joint with weight "
        "100 and no soft labels in github HobbitLong/RepDistiller"
    )
    published: ClassVar[Mapping[str, Any]] = {"weight": 100.0, "logits": False, "label_smoothing": 0.0}
