"""What authors released: training logs, tables of layers, of ranks and of spectral patterns.

Readers of copies, and the figures that come with the claims in place of a copy. A file that is missing, truncated or
odd raises a SuiteError that names the file, the line and what is wrong; nothing is repaired and nothing is guessed.
Every number knows the file and line it stands on.
"""

from suite.evidence.released.check import Checked, Match, check, report
from suite.evidence.released.layer_table import LayerTable, read_layer_table
from suite.evidence.released.original import Original, Table, find
from suite.evidence.released.pattern_table import PatternRow, PatternTable, read_pattern_table
from suite.evidence.released.rank_table import RankRow, RankTable, read_rank_table
from suite.evidence.released.source import Figure, Source
from suite.evidence.released.training_log import TrainingLog, read_training_log
from suite.evidence.released.uncertainty import (
    binomial_error,
    evaluation_images,
    off_grid,
    paired_error,
    run_noise,
)

__all__ = [
    "Checked",
    "Figure",
    "LayerTable",
    "Match",
    "Original",
    "PatternRow",
    "PatternTable",
    "RankRow",
    "RankTable",
    "Source",
    "Table",
    "TrainingLog",
    "binomial_error",
    "check",
    "evaluation_images",
    "find",
    "off_grid",
    "paired_error",
    "read_layer_table",
    "read_pattern_table",
    "read_rank_table",
    "read_training_log",
    "report",
    "run_noise",
]
