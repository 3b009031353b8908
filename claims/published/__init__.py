"""Figures that authors released, as data of our own: what the released claims read where no copy is given.

`sources.json` says of every file its repository, the commit at which the figures were taken, the path, the number of
lines and the SHA-256 of the original, or why there is none; the archives hold the figures alone, by file and column, in
full precision. `python -m claims.published DIR...` makes all of them from clones; with copies at hand, `--released DIR`
judges these instead and says whether the figures are equal.
"""

from claims.published.originals import ENTROPY_TABLES, ORIGINALS, PATTERN_TABLE, RANK_TABLE, TRAINING_LOGS

__all__ = ["ENTROPY_TABLES", "ORIGINALS", "PATTERN_TABLE", "RANK_TABLE", "TRAINING_LOGS"]
