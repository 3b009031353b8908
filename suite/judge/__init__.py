"""From numbers to verdicts, in numpy and scipy alone.

1. A claim says in which `Region` a quantity lies; `Observed` says what was measured and how it was sampled.
2. The sampling decides the interval: Student t over seeds, balanced halves over images, bounds if exact.
3. An assay is *valid* if every positive control, in which the claim holds by construction, lies inside the region.
4. Valid, inside, every negative control outside and paired contrasts with them beyond 0: *reproduced* at published
   scope, *seen here* at proxy scope.
5. Valid and outside: *contradicted* at published scope and for identities and counts, *not seen here* at proxy scope.
6. *Uninformative*: a positive control outside (the measurement could not have succeeded), or the claim inside and a
   negative control, too (it could not have failed).
7. Anything else, a missing or undecided control included, is *inconclusive*, and says how many more seeds, as a
   range, would settle it.
8. One run is at best *consistent*. No evidence is *not run*; a NaN or a crash of claim or control is *error*.
9. Few seeds may borrow the noise of their recipe's other methods where that is tested to be fair.
10. Decisions must survive Holm's adjustment: among the criteria that the paper asserts, and, apart, among probes.
11. Every judgement gives its reason and the numbers that would flip it. It is cheap: ask another region.
"""

from suite.judge.contrast import contrast
from suite.judge.family import holm
from suite.judge.interval import Interval, NoSpread, mean_interval
from suite.judge.judgement import ControlJudgement, Judgement, Question
from suite.judge.observed import Observed, Sampling
from suite.judge.pooling import Pooled, pool_blocks
from suite.judge.power import Outlook, chance, foresee, settle, telescope
from suite.judge.reading import Position
from suite.judge.region import Region
from suite.judge.role import ControlKind, Role
from suite.judge.rule import judge, judge_family, relabel_smoke, verdicts
from suite.judge.verdict import DECIDED, FAILS, HOLDS, WORST_FIRST, Verdict, counts, departs, overall
from suite.judge.words import further

__all__ = [
    "DECIDED",
    "FAILS",
    "HOLDS",
    "WORST_FIRST",
    "ControlJudgement",
    "ControlKind",
    "Interval",
    "Judgement",
    "NoSpread",
    "Observed",
    "Outlook",
    "Pooled",
    "Position",
    "Question",
    "Region",
    "Role",
    "Sampling",
    "Verdict",
    "chance",
    "contrast",
    "counts",
    "departs",
    "foresee",
    "further",
    "holm",
    "judge",
    "judge_family",
    "mean_interval",
    "overall",
    "pool_blocks",
    "relabel_smoke",
    "settle",
    "telescope",
    "verdicts",
]
