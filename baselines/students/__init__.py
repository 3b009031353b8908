"""Student architectures on timm's Vision Transformer, and the adapter that taps any network of ours.

A student is built from the config of a plain Vision Transformer::

    student = build_student("lift", ViTConfig(), options={"width": 384}, generator=generator)
    outputs = student(images, layers=(0, 11), final=True)

Students built from one config with equally seeded generators share every weight whose name and shape agree,
so that a comparison between them starts from one point.

**To add a student**, write one public module here with a function of the module's own name that takes
`(config, *, generator, init, …options)` and returns a `Tapped`; nothing else needs to change.
"""

from baselines.students._config import ViTConfig
from baselines.students._init import Initialiser, width_aware
from baselines.students._registry import STUDENTS, build_student
from baselines.students._tapped import Tapped

__all__ = ["STUDENTS", "Initialiser", "Tapped", "ViTConfig", "build_student", "width_aware"]
