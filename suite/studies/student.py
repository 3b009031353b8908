"""Study *student*: train one student under one method; the students of a block are trained together.

A block is one seed. Its students see the same images, the same views in the same order, and one pass of one
teacher: the network that plays the teacher's role, trained with the block's seed.
"""

from __future__ import annotations

from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from baselines import Reading
from baselines import build as build_method
from baselines.students import Tapped, ViTConfig, build_student
from suite.data import Images, Split, load, normalise, random_views
from suite.measure.probes.entropy import Entropy
from suite.measure.probes.entropy_standardised import EntropyStandardised
from suite.measure.probes.magnitude import Magnitude
from suite.measure.probes.spectrum import Spectrum
from suite.measure.stream import LayerStream
from suite.models import build, choose_attention, initialiser, layer_tokens
from suite.studies.network import restore
from suite.train.block import Student, train
from suite.train.teacher import Bank, Teacher, permute_channels, require_trained, shuffle_images

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from baselines.protocol import Network
    from suite.studies.protocol import Arrays, Bench, Metrics

PROFILES = ("magnitude", "entropy_global", "entropy_layer", "entropy_standardised", "flatness")
PROBES = (Magnitude, Entropy, EntropyStandardised, Spectrum)
TEST_SEED = 1  # the test views are the same for every block


class _Block:
    """What the students of one block share: images, views, teachers."""

    def __init__(self, bench: Bench) -> None:
        spec = bench.cell.spec
        self.spec, self.seed, self.device = spec, bench.cell.seed, bench.device
        self.data = spec["data"]
        split: Split = load(self.data)
        self.classes = split.classes
        order = torch.randperm(len(split.train), generator=torch.Generator().manual_seed(self.seed))
        chosen = order[: spec["images"]["few_shot"]]
        self.few = Images(split.train.pixels[chosen], split.train.labels[chosen])
        self.held_out = split.test
        views = spec["images"]["test_views"]
        self.test_labels = split.test.labels.repeat(views)
        distorted = random_views(
            split.test.pixels.repeat(views, 1, 1, 1),
            spec["images"]["distort"],
            generator=torch.Generator().manual_seed(TEST_SEED),
        )
        self.test_pixels = normalise(distorted, self.data)
        self.example = self.test_pixels[:2]

    def teacher(self, bench: Bench) -> Tapped:
        """The teacher of a cell: trained (checked), or as initialised (a control)."""
        network = bench.cell.spec["teacher"]["network"]
        if "teacher" in bench.cell.needs:
            model = Tapped(restore(bench.need("teacher").folder, network, classes=self.classes, seed=self.seed))
            model.eval()
            with torch.inference_mode():
                logits = model(normalise(self.held_out.pixels, self.data)).logits
            require_trained(logits, self.held_out.labels)
        else:
            model = Tapped(build(network, classes=self.classes, seed=self.seed))
        return model.to(self.device).eval()

    def correct(self, network: Tapped) -> NDArray[np.bool_]:
        """Which test views a student gets right: [views]."""
        network.eval()
        with torch.inference_mode():
            parts = [network(part.to(self.device)).logits.cpu() for part in torch.split(self.test_pixels, 1024)]
        right: NDArray[np.bool_] = (torch.cat(parts).argmax(dim=1) == self.test_labels).numpy()
        return right

    def evaluate(self, network: Tapped, *, images: int, spill: Path) -> dict[str, Any]:
        """Accuracy on the test views, and the layer profile on the first clean test images."""
        correct = self.correct(network)
        with torch.inference_mode():
            pixels = normalise(self.held_out.pixels[:images], self.data).to(self.device)
            with LayerStream(PROBES, seed=0, spill=spill, deep=()) as stream:
                stream.update(layer_tokens(network, pixels))
                measured = stream.finish()
        profile = {name: measured[name].mean(axis=1).tolist() for name in PROFILES}
        return {"accuracy": 100.0 * float(correct.mean()), "profile": profile}


def _distortion(name: str, seed: int) -> Any:
    known = {"": None, "shuffled_images": shuffle_images, "permuted_channels": partial(permute_channels, seed=seed)}
    try:
        return known[name]
    except KeyError:
        raise ValueError(f"no distortion {name!r} of a teacher: choose from {', '.join(filter(None, known))}") from None


def _architecture(spec: Mapping[str, Any], config: ViTConfig, seed: int) -> Tapped:
    """The student network; a uniformly wide one gets as many parameters as the WideLast it controls for."""
    options = dict(spec["options"])
    init = initialiser(spec["init"])
    if "as_large_as_wide_last_of" in options:
        width = options.pop("as_large_as_wide_last_of")
        large = build_student(
            "wide_last", config, generator=torch.Generator().manual_seed(seed), options={"width": width}
        )
        options["parameters"] = sum(p.numel() for p in large.parameters())
    return build_student(
        spec["architecture"], config, generator=torch.Generator().manual_seed(seed), init=init, options=options
    )


def _student(bench: Bench, block: _Block, teacher: Network | None) -> Student:
    """The student of one cell, resumed if it was begun before."""
    spec, seed = bench.cell.spec, block.seed
    config = ViTConfig(**spec["student"]["config"], num_classes=block.classes)
    choose_attention(spec["student"]["config"])
    network = _architecture(spec["student"], config, seed)
    method = build_method(
        spec["method"]["name"],
        student=network.network(block.example),
        teacher=teacher,
        options=spec["method"]["options"],
        generator=torch.Generator().manual_seed(seed + 1),
    )
    steps = spec["recipe"]["steps"]
    return Student(
        key=bench.cell.key,
        network=network.to(block.device),
        method=method.to(block.device),
        recipe=spec["recipe"],
        generator=torch.Generator().manual_seed(seed + 2),
        evaluate=partial(block.evaluate, images=spec["images"]["profile"], spill=bench.checkpoints),
        checkpoint=bench.checkpoints / "student.pt",
        teacher="" if teacher is None else bench.cell.spec["teacher"]["weights"],
        distort=_distortion(spec["teacher"]["distort"], seed),
        milestones=tuple(sorted({round(steps * share) for share in spec["images"]["milestones"]})),
        report=bench.report,
    )


def run_block(benches: Sequence[Bench]) -> dict[str, tuple[Arrays, Metrics] | Exception]:
    """Train all students of a block together.

    Returns:
        by cell key: ``accuracy_last``, ``accuracy_best`` [percent, test views], ``correct`` [views] of the last
        step, ``steps`` [E], ``trajectory`` [E], ``profile.NAME`` [E, L], ``parameters`` (of the student);
        or the fault that ended this student.
    """
    block = _Block(benches[0])
    networks: dict[str, Tapped] = {}
    results: dict[str, tuple[Arrays, Metrics] | Exception] = {}
    shapes: dict[str, Network] = {}
    students: list[tuple[Bench, Student]] = []
    for bench in benches:
        weights = bench.cell.spec["teacher"]["weights"]
        try:
            if weights and weights not in networks:
                networks[weights] = block.teacher(bench)
                shapes[weights] = networks[weights].network(block.example.to(block.device))
            students.append((bench, _student(bench, block, shapes.get(weights))))
        except (ValueError, RuntimeError) as fault:
            results[bench.cell.key] = fault
    made = [student for _, student in students]
    stream = Bank(
        block.few,
        {name: _tapped(networks[name], name, made) for name in networks},
        data=block.data,
        views=block.spec["images"]["views"],
        distort=block.spec["images"]["distort"],
        batch=block.spec["images"]["batch"],
        seed=block.seed,
        device=block.device,
    )
    train(made, stream)
    for bench, student in students:
        if student.fault is not None:
            results[bench.cell.key] = student.fault
            continue
        results[bench.cell.key] = _result(student, block.correct(student.network))
    return results


def _tapped(network: Tapped, name: str, students: Sequence[Student]) -> Teacher:
    """The teacher with the union of what its students tap."""
    asked = [student.method.taps.of_teacher for student in students if student.teacher == name]
    return Teacher(network, reduce(or_, asked, Reading()))


def _result(student: Student, correct: NDArray[np.bool_]) -> tuple[Arrays, Metrics]:
    trajectory = np.array([record["accuracy"] for record in student.history])
    arrays: dict[str, NDArray[Any] | np.generic] = {
        "accuracy_last": np.float64(trajectory[-1]),
        "accuracy_best": np.float64(trajectory.max()),
        "correct": correct,
        "steps": np.array([record["step"] for record in student.history]),
        "trajectory": trajectory,
        "parameters": np.int64(sum(p.numel() for p in student.network.parameters())),
    }
    for name in PROFILES:
        arrays[f"profile.{name}"] = np.array([record["profile"][name] for record in student.history])
    metrics: Metrics = [{k: v for k, v in record.items() if k != "profile"} for record in student.history]
    return arrays, metrics
