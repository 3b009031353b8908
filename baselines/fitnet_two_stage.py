"""FitNet as its paper has it: first the hint alone, then distillation of the logits alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from baselines._feature import FeatureMethod, Pairs
from baselines.fitnet import HintOptions, hint
from baselines.protocol import Step


@dataclass(frozen=True, kw_only=True)
class TwoStageOptions(HintOptions):
    """Adds the length of the first stage.

    Attributes:
        hint_share: Share of the training spent on the hint, between 0 and 1.
    """

    hint_share: float = 0.25

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        super().__post_init__()
        self.require("hint_share", 0 < self.hint_share < 1, "between 0 and 1")


class FitNetTwoStage(FeatureMethod):
    """Hint loss until `hint_share` of the training is done, terms on logits from there on.

    In the first stage layers above the tapped one, and the head, get no gradient; in the second the regressor
    gets none. The stages share one learning-rate schedule, the trainer's.
    """

    name = "fitnet_two_stage"
    title = "FitNet, two stages"
    paper = "Romero et al., arXiv 1412.6550"
    year = 2015
    aligns = "middle layers, projected; then logits"
    source = (
        "Romero et al., arXiv 1412.6550, algorithm 1 and Eq. 3; 5 of 20 epochs for the hint and alpha .5 in "
        "a sample configuration of github yoshitomo-matsubara/torchdistill"
    )
    licence = "torchdistill: MIT"
    differs = "one learning-rate schedule spans both stages here, the paper restarts it"
    published: ClassVar[Mapping[str, Any]] = {
        "hint_share": 0.25,
        "weight": 1.0,
        "alpha": 0.5,
        "label_smoothing": 0.0,
    }
    options_type = TwoStageOptions
    options: TwoStageOptions

    def features(self) -> Pairs:
        """See `FeatureMethod.features`."""
        return hint(self.options)

    def stage(self, progress: float) -> Literal["hint", "logits"]:
        """Which terms are active once `progress`, in [0, 1), of the training is done."""
        return "hint" if self.options.weight and progress < self.options.hint_share else "logits"

    def terms(self, step: Step) -> dict[str, Tensor]:
        """See `Method.terms`.

        Raises:
            ValueError: The trainer does not say how far it is.
        """
        if step.progress is None:
            raise ValueError("a two-stage method must know how far training is: pass progress, in [0, 1)")
        return self.logit_terms(step) if self.stage(step.progress) == "logits" else self.feature_terms(step)
