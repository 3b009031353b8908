"""How others distil: one module per method, torch only, no I/O.

A method is built for two networks it knows by shape alone, and turns the outputs of one training step
into named, weighted loss terms::

    method = build("spectral_kd", student=student_shapes, teacher=teacher_shapes,
                   options={"student_layers": [-1], "teacher_layers": [-1]}, generator=generator)
    terms = method(student_outputs, teacher_outputs, labels, generator=generator)
    total(terms).backward()

**To add a method**, write one public module here that defines a subclass of `protocol.Method` with a
`name`; nothing else needs to change, and the conformance tests cover it from then on. Subclass
`_feature.FeatureMethod` when it adds a term on features to those on logits; README.md has an example. To add a
student, see `students`.

The defaults put every method on one recipe for the logits (alpha .9, temperature 1, label smoothing .1), so
that methods differ by their feature term alone. What a source prints is kept in `published`, ready to be
passed as `options`.
"""

from baselines.protocol import (
    AttentionShape,
    MapShape,
    Method,
    Network,
    Options,
    Outputs,
    Reading,
    Step,
    Taps,
    total,
)
from baselines.registry import METHODS, build

__all__ = [
    "METHODS",
    "AttentionShape",
    "MapShape",
    "Method",
    "Network",
    "Options",
    "Outputs",
    "Reading",
    "Step",
    "Taps",
    "build",
    "total",
]
