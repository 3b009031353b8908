"""A study whose cells of one group are computed together."""

from __future__ import annotations

import numpy as np

from fake_studies.single import FakeFault, _act

TOGETHER, DISTRIBUTED = True, False


def run_block(benches):
    names = np.array(sorted(bench.cell.spec["name"] for bench in benches))
    results = {}
    for bench in benches:
        does = bench.cell.spec["does"]
        if does == "fault":
            results[bench.cell.key] = FakeFault("this one alone diverged")
        elif does != "nothing":
            _act(does, bench.cell.spec)
            results[bench.cell.key] = {"company": names, "value": np.float64(1.0)}, []
    return results
