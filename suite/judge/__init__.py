"""From numbers to verdicts, in numpy and scipy alone.

1. A claim says in which `Region` a quantity lies; `Observed` says what was measured and how it was sampled.
2. The sampling decides the interval: Student t over seeds, bootstrap or balanced halves over many images, bounds if
   exact.
3. Interval inside the region, and every control's interval outside it: *reproduced*.
4. Interval and region do not meet: *contradicted*, whatever the controls say.
5. It holds, and so does a control: *uninformative*, for the measurement could not have failed.
6. Anything else, a missing control included, is *inconclusive*, and says how many more seeds would settle it.
7. One run is at best *consistent*. No evidence is *not run*; a NaN or a crash is *error*, never a number.
8. Few seeds may borrow the noise of their recipe's other methods where that is tested to be fair.
9. Several criteria share one error rate: what an interval decides must also survive Holm's adjustment.
10. Every judgement gives its reason and the numbers that would flip it. It is cheap: ask another region.
"""

from suite.judge.bootstrap import bootstrap_interval
from suite.judge.estimate import with_n
from suite.judge.family import holm
from suite.judge.interval import Interval, mean_interval
from suite.judge.judgement import ControlJudgement, Judgement, Question
from suite.judge.observed import Observed, Sampling
from suite.judge.pairing import Pairs, paired_differences, sign_flip_p
from suite.judge.pooling import Pooled, pool, pool_blocks
from suite.judge.power import chance, settle
from suite.judge.reading import Position
from suite.judge.region import Region
from suite.judge.rule import judge, judge_family, relabel_smoke
from suite.judge.verdict import WORST_FIRST, Verdict, departs, overall

__all__ = [
    "WORST_FIRST",
    "ControlJudgement",
    "Interval",
    "Judgement",
    "Observed",
    "Pairs",
    "Pooled",
    "Position",
    "Question",
    "Region",
    "Sampling",
    "Verdict",
    "bootstrap_interval",
    "chance",
    "departs",
    "holm",
    "judge",
    "judge_family",
    "mean_interval",
    "overall",
    "paired_differences",
    "pool",
    "pool_blocks",
    "relabel_smoke",
    "settle",
    "sign_flip_p",
    "with_n",
]
