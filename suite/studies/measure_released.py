"""Study *measure* of networks that authors released and timm does not know: the same pass over the same images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from suite.models.released import load_released
from suite.studies.measure import Opened, Pass, _on_disk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suite.studies.protocol import Bench, Results

TOGETHER, DISTRIBUTED = True, False


def run_block(benches: Sequence[Bench]) -> Results:
    """Measure one released network for several cells, in one pass over its images.

    Args:
        benches: cells of one network and data: their ``probe`` and ``planted`` may differ.

    Returns:
        See :func:`suite.studies.measure.run_block`.

    Raises:
        SuiteError: weights do not fit, or no image could be read.
    """
    first = benches[0]
    shown = _on_disk(first)
    first.report(0.0, shown.said)
    given = first.cell.local.get("weights")
    loaded = load_released(
        first.cell.spec["network"]["timm"], seed=first.cell.seed, file=Path(given) if given else None
    )
    facts = {"weights_origin": np.str_(loaded.origin), "weights_digest": np.str_(loaded.digest)}
    opened = Opened(loaded.model.to(first.device).eval(), loaded.digest, shown, facts)
    measuring = Pass(benches, opened)
    try:
        measuring.measure()
        return measuring.finish()
    finally:
        measuring.close()
