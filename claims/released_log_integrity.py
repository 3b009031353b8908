"""The accuracies in the table are those of the released training logs, and the logs are whole.

Printed in Distillation Dynamics: an accuracy table of thirteen rows for DeiT-Tiny on ImageNet; its repository
releases eleven training logs, nine of them of rows of the table.

Here: every row that has a log is held against it, and every log against itself.

Cost: reads embedded figures; a second.
Expect: the table prints the best epoch on the validation set, to the last digit but once; four rows have no
log; the two runs with a MAE teacher were not evaluated on the 50,000 validation images.
Command: ``python -m suite claims -k released_log --profile released``.
"""

from __future__ import annotations

import numpy as np

from claims._released_checks import (
    agreement_short_of_rate,
    best_epoch,
    epochs_out_of_place,
    last_ten,
    loss_gap,
    off_grid_of,
    table_against,
)
from claims._released_runs import (
    MAE_RUNS,
    ONLY_RELEASED,
    PRINTED_RUNS,
    SOFT,
    SOFT_500,
    SPECTRAL_FIRST,
    SPECTRAL_LAST,
    SPECTRAL_LAST_500,
)
from claims.papers import DISTILLATION_DYNAMICS
from suite.claim import Claim, Control, Criterion, Deviation, NeverReleased, Published, Quantity, Role
from suite.judge import Region

VALIDATION_IMAGES = 50_000
LAST_DIGIT = 0.01
LOSS_SPACING = float(np.spacing(np.float32(7.5)))  # the largest logged losses lie between 4 and 8
SLACK = 1e-9  # decimal points do not fall on binary numbers: 76.99 less 76.985 is not quite 0.005

TABLE = tuple(
    Published(
        DISTILLATION_DYNAMICS,
        "accuracy table, DeiT-Tiny taught by CaiT-S24",
        value=run.printed,
        row=f"{run.title}, {run.epochs} epochs",
        column="top-1",
    )
    for run in PRINTED_RUNS
)
EVALUATED = (Published(DISTILLATION_DYNAMICS, "text on the set-up", text="ImageNet-1k's validation set"),)
NOT_STATED = (Published(DISTILLATION_DYNAMICS, "released logs", text="no statement printed"),)


WITHOUT_LOG = {
    "SpectralKD Last1, weight 0.1": 76.48,
    "SpectralKD Last8": 76.69,
    "SoftKD, ViT-Large teacher": 76.85,
    "last layer, ViT-Large teacher": 76.58,
}
WHOLE_IMAGES = "the nearest accuracies that 50,000 images allow, as 32-bit numbers"
AS_ROUNDED = "what these logs say, rounded to two decimals, in the place of the table"

ANOTHER_RUN = Control("another_run", "each row against the log of the next row", table_against(best_epoch, shift=1))


CLAIM = Claim(
    key="released_log_integrity",
    sentence="The printed accuracies are those of the released logs, and the logs are whole.",
    papers=(DISTILLATION_DYNAMICS,),
    where="Distillation Dynamics, accuracy table; repository, folder Distillation_Logs",
    finding="books",
    notes="Statements about these files, not about what another run would give.",
    deviations=(Deviation("accuracy table", "as printed", "as quoted by public summaries of the paper, which agree"),),
    criteria=(
        Criterion(
            key="best_epoch",
            sentence="Every printed accuracy with a log is that of its best epoch, to one unit of the last digit.",
            quantity=Quantity("largest distance of a printed accuracy from the best epoch", "points", "worse match"),
            region=Region.at_most(LAST_DIGIT + SLACK),
            because="two decimals are printed: one unit of the last, whichever way it was rounded",
            evidence=table_against(best_epoch),
            positive_controls=(Control("rounded", AS_ROUNDED, table_against(best_epoch, rounded=True)),),
            negative_controls=(
                ANOTHER_RUN,
                Control("end_of_training", "mean of the last ten epochs", table_against(last_ten)),
            ),
            published=TABLE,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="rounding",
            role=Role.PROBE,
            sentence="Every printed accuracy with a log is that of its best epoch, rounded to two decimals.",
            quantity=Quantity("largest distance of a printed accuracy from the best epoch", "points", "worse match"),
            region=Region.at_most(LAST_DIGIT / 2 + SLACK),
            because="rounding moves a number by half a unit of the last digit at most",
            evidence=table_against(best_epoch),
            positive_controls=(Control("rounded", AS_ROUNDED, table_against(best_epoch, rounded=True)),),
            negative_controls=(ANOTHER_RUN,),
            published=TABLE,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="end_of_training",
            sentence="Every printed accuracy with a log is what the run has reached at the end of training.",
            quantity=Quantity(
                "largest distance of a printed accuracy from the mean of the last ten epochs", "points", "worse match"
            ),
            region=Region.at_most(LAST_DIGIT + SLACK),
            because="two decimals are printed: one unit of the last, whichever way it was rounded",
            role=Role.PROBE,
            evidence=table_against(last_ten),
            positive_controls=(Control("rounded", AS_ROUNDED, table_against(last_ten, rounded=True)),),
            negative_controls=(ANOTHER_RUN,),
            published=TABLE,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="rows_without_log",
            sentence="The four rows of the table without a log are accuracies of runs as well.",
            quantity=Quantity("distance of a printed accuracy from its log", "points", "worse match"),
            region=Region.at_most(LAST_DIGIT + SLACK),
            because="two decimals are printed: one unit of the last, whichever way it was rounded",
            evidence=NeverReleased(
                "no log was released of SpectralKD Last1 at weight 0.1, SpectralKD Last8, "
                "and both runs with a ViT-Large teacher"
            ),
            published=(
                *(
                    Published(
                        DISTILLATION_DYNAMICS,
                        "accuracy table, DeiT-Tiny",
                        value=value,
                        row=row,
                        column="top-1",
                    )
                    for row, value in WITHOUT_LOG.items()
                ),
            ),
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="epochs",
            sentence="Every log holds each of its epochs once and in order.",
            quantity=Quantity("epochs of eleven logs that are not where they belong", "epochs", "more damage"),
            region=Region.equal(0, 0),
            because="a whole log has none",
            role=Role.PROBE,
            evidence=epochs_out_of_place(),
            positive_controls=(
                Control(
                    "numbered", "each epoch once and in order, by construction", epochs_out_of_place(numbered=True)
                ),
            ),
            negative_controls=(
                Control("line_cut_out", "the hundredth line cut out of every log", epochs_out_of_place(drop=99)),
            ),
            published=NOT_STATED,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="loss_terms",
            sentence="In every epoch the loss is the sum of its logged terms.",
            quantity=Quantity("largest distance of a loss from the sum of its terms", "nats", "worse match"),
            region=Region.at_most(LOSS_SPACING),
            because="the spacing of 32-bit numbers at the largest losses, which lie between 4 and 8",
            role=Role.PROBE,
            evidence=loss_gap(features=True),
            positive_controls=(
                Control("summed", "the sums of the terms as 32-bit numbers", loss_gap(features=True, summed=True)),
            ),
            negative_controls=(Control("no_feature_term", "the feature term left out", loss_gap(features=False)),),
            published=NOT_STATED,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="evaluation_set",
            sentence="Every run with a CaiT teacher was evaluated on the 50,000 validation images.",
            quantity=Quantity("largest distance of an accuracy from a whole number of images", "images", "worse match"),
            region=Region.at_most(0.05),
            because="averaging in 32 bits leaves 0.002 images; a wrong size misses by up to 0.5",
            evidence=off_grid_of(PRINTED_RUNS, VALIDATION_IMAGES),
            positive_controls=(
                Control("of_50000", WHOLE_IMAGES, off_grid_of(PRINTED_RUNS, VALIDATION_IMAGES, of=VALIDATION_IMAGES)),
            ),
            negative_controls=(
                Control("twenty_more", "shares of 50,020 images", off_grid_of(PRINTED_RUNS, VALIDATION_IMAGES + 20)),
            ),
            published=EVALUATED,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="evaluation_set_mae",
            sentence="The two runs with a MAE teacher were evaluated on the 50,000 validation images.",
            quantity=Quantity("largest distance of an accuracy from a whole number of images", "images", "worse match"),
            region=Region.at_most(0.05),
            because="averaging in 32 bits leaves 0.002 images; a wrong size misses by up to 0.5",
            role=Role.PROBE,
            evidence=off_grid_of(MAE_RUNS, VALIDATION_IMAGES),
            positive_controls=(
                Control("of_50000", WHOLE_IMAGES, off_grid_of(MAE_RUNS, VALIDATION_IMAGES, of=VALIDATION_IMAGES)),
            ),
            negative_controls=(
                Control("ten_more", "shares of 50,010 images", off_grid_of(MAE_RUNS, VALIDATION_IMAGES + 10)),
            ),
            published=EVALUATED,
            needs=ONLY_RELEASED,
        ),
        Criterion(
            key="same_seed",
            sentence="The 300- and 500-epoch runs of a method are one run until their learning rates part.",
            quantity=Quantity("first epochs with equal learning rate but different results", "epochs", "less alike"),
            region=Region.equal(0, 0),
            because="the same seed, start and order of data give the same numbers, bit for bit",
            role=Role.PROBE,
            evidence=agreement_short_of_rate((SOFT, SOFT_500), (SPECTRAL_LAST, SPECTRAL_LAST_500)),
            positive_controls=(
                Control("itself", "a run against itself", agreement_short_of_rate((SOFT, SOFT), (SOFT_500, SOFT_500))),
            ),
            negative_controls=(
                Control(
                    "other_method",
                    "two methods with one schedule: equal learning rates, other results",
                    agreement_short_of_rate((SPECTRAL_FIRST, SPECTRAL_LAST)),
                ),
            ),
            published=NOT_STATED,
            needs=ONLY_RELEASED,
        ),
    ),
)
