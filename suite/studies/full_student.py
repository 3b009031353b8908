"""Study *full_student*: like *student*, but as printed: images on disk, the papers' augmentation, any number of GPUs.

A block is one seed. Its students see the same slices of the same batches and one pass of one teacher; a batch
depends on seed and step alone. The teacher is pretrained, or a network that this study trained without a teacher.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file

from baselines import build as build_method
from suite.data.training import ImageSets, Still, Views, loader, loading_workers
from suite.errors import LostProcess, Stopped, SuiteError, one_line
from suite.measure.probes.entropy import Entropy
from suite.measure.probes.entropy_standardised import EntropyStandardised
from suite.measure.probes.magnitude import Magnitude
from suite.measure.probes.spectrum import Spectrum
from suite.measure.stream import LayerStream
from suite.models import layer_tokens
from suite.studies.full_networks import AVERAGED, WEIGHTS, make_student, open_teacher
from suite.train.distributed import processes
from suite.train.full import FullStudent, train
from suite.train.memory import GIB, PROBED, Need, available, fitting, footprint, need
from suite.train.order import Order
from suite.train.slices import Mix, Numerics, Slices
from suite.train.teacher import permute_channels, require_trained, shuffle_images

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from baselines.protocol import Network
    from baselines.students import Tapped
    from suite.studies.full_networks import Columns
    from suite.studies.protocol import Arrays, Bench, Metrics
    from suite.train.teacher import Batch

    Taught = Tapped | Columns

DISTRIBUTED = True  # run by all processes of a job together (see suite.run.execute)
PROFILES = ("magnitude", "entropy_global", "entropy_layer", "entropy_standardised", "flatness")
PROBES = (Magnitude, Entropy, EntropyStandardised, Spectrum)


class _Block:
    """What the students of one block share: images, order, teachers, processes."""

    def __init__(self, bench: Bench) -> None:
        spec, local = bench.cell.spec, bench.cell.local
        recipe = spec["recipe"]
        self.spec, self.seed = spec, bench.cell.seed
        self.group = processes()
        self.numerics = Numerics(bench.device, recipe["precision"], recipe["channels_last"], recipe["compile"])
        self.free = available(bench.device, local.get("memory_gib"))
        self.images = ImageSets(spec["data"], local.get("images", ""))
        self.views = Views(self.images.train, spec["data"], spec["augmentation"], self.seed)
        self.still = Still(self.images.validation, spec["data"])
        self.order = Order(len(self.images.train), recipe["batch"], recipe["micro_batch"], recipe["repeats"], self.seed)
        self.workers = loading_workers(local.get("loader_workers"), self.group.count)
        size = spec["data"]["size"]
        self.example = torch.zeros(PROBED, 3, size, size)

    def teacher(self, bench: Bench) -> Taught:
        """The teacher of a cell, known to know its classes unless it is the untrained control."""
        spec = bench.cell.spec["teacher"]
        teacher = open_teacher(
            spec,
            classes=self.images.names,
            count=self.images.classes,
            seed=self.seed,
            file=bench.cell.local.get("teacher", ""),
            trained=bench.need("teacher").folder if "teacher" in bench.cell.needs else None,
        )
        self.numerics.place(teacher)
        teacher.eval().requires_grad_(False)
        if spec["weights"] == "trained":
            count = self.spec["evaluate"]["teacher"]
            step = max(1, len(self.still) // count)
            logits, labels = self._answers({"it": teacher}, range(0, len(self.still), step))["it"]
            bench.report(
                0.0, f"the teacher is right on {require_trained(logits, labels):.2f} % of {len(labels)} images"
            )
        return teacher

    def slices(self, teachers: Mapping[str, Any]) -> Slices:
        """This process's part of every step."""
        recipe = self.spec["recipe"]
        return Slices(
            self.views,
            self.order,
            teachers,
            mix=Mix(recipe["mixup"], recipe["cutmix"], self.images.classes, self.seed),
            processes=self.group,
            numerics=self.numerics,
            workers=self.workers,
        )

    # ------------------------------------------------------------------ measuring

    def _answers(self, networks: Mapping[str, Any], images: range) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Logits ``[I, classes]`` of networks in evaluation mode, and labels ``[I]``, of some validation images.

        All networks share one pass over the images, and processes share the images.
        """
        mine = images[self.group.rank :: self.group.count]
        size = self.spec["evaluate"]["batch"]
        batches = [mine[first : first + size] for first in range(0, len(mine), size)]
        for network in networks.values():
            network.eval()
        found: dict[str, list[torch.Tensor]] = {name: [] for name in networks}
        labels: list[torch.Tensor] = []
        with torch.inference_mode(), self.numerics.autocast():
            for pixels, truth in loader(self.still, batches, workers=self.workers, device=self.numerics.device):
                placed = self.numerics.pixels(pixels)
                labels.append(truth)
                for name, network in networks.items():
                    found[name].append(network(placed).logits.float().cpu())
        parts = self.group.gather(({name: _joined(values) for name, values in found.items()}, _joined(labels)))
        truth = _interleaved([own for _, own in parts], len(images))
        return {name: (_interleaved([own[name] for own, _ in parts], len(images)), truth) for name in networks}

    def correct(self, networks: Mapping[str, Any]) -> dict[str, NDArray[np.bool_]]:
        """Which validation images each network gets right: ``[I]``."""
        found = self._answers(networks, range(len(self.still)))
        return {name: (logits.argmax(dim=1) == labels).numpy() for name, (logits, labels) in found.items()}

    def evaluate(self, students: Sequence[FullStudent], *, spill: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Accuracy of raw and averaged weights, and the layer profile of the raw ones, by key."""
        networks = {f"raw {s.key}": s.network for s in students} | {f"ema {s.key}": s.average.module for s in students}
        correct = self.correct(networks)
        return {
            s.key: {
                "accuracy": 100.0 * float(correct[f"raw {s.key}"].mean()),
                "accuracy_ema": 100.0 * float(correct[f"ema {s.key}"].mean()),
                "profile": self._profile(s.network, spill[s.key]) if self.group.leader else {},
            }
            for s in students
        }

    def _profile(self, network: Tapped, spill: Any) -> dict[str, list[float]]:
        """The measurements of every layer on validation images at even distances, by the leader alone."""
        count = min(self.spec["evaluate"]["profile"], len(self.still))
        chosen = range(0, len(self.still), len(self.still) // count)[:count]
        pixels = torch.stack([self.still[number][0] for number in chosen])
        network.eval()
        with torch.inference_mode(), LayerStream(PROBES, seed=0, spill=spill, deep=()) as stream:
            try:
                for part in torch.split(pixels, self.spec["evaluate"]["batch"]):
                    stream.update([layer.float() for layer in layer_tokens(network, self.numerics.pixels(part))])
                measured = stream.finish()
            except ValueError:  # features that are not finite have no profile
                return {name: [float("nan")] * network.depth for name in PROFILES}
        return {name: measured[name].mean(axis=1).tolist() for name in PROFILES}

    # ------------------------------------------------------------------ memory

    def weigh(self, students: Sequence[FullStudent], teachers: Mapping[str, Any]) -> dict[str, Exception]:
        """Tell what every student needs; by key, the fault of each that does not fit beside those before it."""
        size = self.spec["data"]["size"]
        pixels = self.numerics.pixels(torch.randn(PROBED, 3, size, size, generator=_from(0)))
        labels = torch.zeros(PROBED, dtype=torch.long, device=self.numerics.device)
        stream = self.slices(teachers)
        micro = self.spec["recipe"]["micro_batch"]
        needs: list[Need] = []
        for student in students:
            wanted = {student.teacher: student.method.taps.of_teacher} if student.teacher else {}
            batch: Batch = stream.taught(pixels, labels, wanted)
            needs.append(need(student, batch, micro))
        shared = sum(footprint(teacher) for teacher in teachers.values())
        free = min(self.group.gather(self.free))
        fits = fitting(needs, shared, free)
        for student, one in zip(students, needs, strict=True):
            student.report(student.done / student.steps, one.line())
        left = [(student.key, one) for student, one, fit in zip(students, needs, fits, strict=True) if not fit]
        return {key: _too_large(one, free, shared, [other.label for _, other in left]) for key, one in left}


def _too_large(one: Need, free: int, shared: int, left: Sequence[str]) -> Exception:
    return SuiteError(
        f"{one.label} does not fit beside the students before it: it needs "
        f"{(one.lasting + one.activations) / GIB:.2f} GiB, of {free / GIB:.2f} GiB the teachers {shared / GIB:.2f}; "
        f"train {', '.join(left)} in another block (run again: what is left forms one), or choose a smaller micro_batch"
    )


def _joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(parts)) if parts else torch.zeros(0)


def _interleaved(parts: Sequence[torch.Tensor], count: int) -> torch.Tensor:
    """What the processes found of every ``len(parts)``-th image, in the order of the images."""
    first = next(part for part in parts if len(part))
    whole = first.new_zeros((count, *first.shape[1:]))
    for rank, part in enumerate(parts):
        if len(part):
            whole[rank :: len(parts)] = part
    return whole


def _from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _distortion(name: str, seed: int) -> Callable[..., Any] | None:
    known = {"": None, "shuffled_images": shuffle_images, "permuted_channels": partial(permute_channels, seed=seed)}
    if name not in known:
        raise ValueError(f"no distortion {name!r} of a teacher: choose from {', '.join(filter(None, known))}")
    return known[name]


class _Teachers:
    """The teachers of a block by name, and why one of them cannot teach."""

    def __init__(self) -> None:
        self.networks: dict[str, Taught] = {}
        self.shapes: dict[str, Network] = {}
        self.faults: dict[str, ValueError | RuntimeError] = {}

    def shape_of(self, name: str) -> Network | None:
        """What a method may know of a teacher; None without one.

        Raises:
            ValueError, RuntimeError: it cannot teach.
        """
        if name in self.faults:
            raise self.faults[name]
        return self.shapes.get(name)


def _teachers(block: _Block, benches: Sequence[Bench]) -> _Teachers:
    """All teachers, each opened and checked once."""
    found = _Teachers()
    for bench in benches:
        name = bench.cell.spec["teacher"]["weights"]
        if not name or name in found.networks or name in found.faults:
            continue
        try:
            teacher = block.teacher(bench)
            found.shapes[name] = teacher.network(block.numerics.pixels(block.example))
            found.networks[name] = teacher
        except Stopped:
            raise
        except (ValueError, RuntimeError) as fault:
            found.faults[name] = fault
    return found


def _student(bench: Bench, block: _Block, teacher: Network | None) -> FullStudent:
    """The student of one cell, resumed if it was begun before."""
    spec, seed = bench.cell.spec, block.seed
    network = make_student(
        spec["student"], classes=block.images.classes, drop_path=spec["recipe"]["drop_path"], seed=seed
    )
    method = build_method(
        spec["method"]["name"],
        student=network.network(block.example),
        teacher=teacher,
        options=spec["method"]["options"],
        generator=_from(seed + 1),
    )
    return FullStudent(
        key=bench.cell.key,
        label=bench.cell.label,
        network=network,
        method=method,
        recipe=spec["recipe"],
        steps_per_epoch=block.order.steps_per_epoch,
        slices=block.order.slices,
        seed=seed + 2,
        numerics=block.numerics,
        processes=block.group,
        checkpoint=bench.checkpoints / "student.pt",
        teacher="" if teacher is None else spec["teacher"]["weights"],
        distort=_distortion(spec["teacher"]["distort"], seed),
        report=bench.report,
    )


def run_block(benches: Sequence[Bench]) -> dict[str, tuple[Arrays, Metrics] | Exception]:
    """Train all students of a block together.

    Returns:
        by cell key: ``accuracy_last``, ``accuracy_best`` [percent, validation images] and the same ``_ema``,
        ``correct`` and ``correct_ema`` [I] of the last epoch, ``steps`` [E], ``trajectory`` and ``trajectory_ema``
        [E], ``profile.NAME`` [E, L], ``parameters`` (of the student); or the fault that ended this student. The
        last weights, raw and averaged, lie in the cell's folder.
    """
    block = _Block(benches[0])
    teachers = _teachers(block, benches)
    results: dict[str, tuple[Arrays, Metrics] | Exception] = {}
    students: list[tuple[Bench, FullStudent]] = []
    for bench in benches:
        weights = bench.cell.spec["teacher"]["weights"]
        try:
            students.append((bench, _student(bench, block, teachers.shape_of(weights))))
        except Stopped:
            raise
        except (ValueError, RuntimeError) as fault:
            results[bench.cell.key] = fault
    begun = block.group.gather([bench.cell.key for bench, _ in students])
    if begun.count(begun[0]) < len(begun):
        raise LostProcess("the processes could not all set up the same students: are their machines alike?")
    unfit = block.weigh([student for _, student in students], teachers.networks)
    results |= unfit
    students = [(bench, student) for bench, student in students if student.key not in unfit]
    made = [student for _, student in students]
    spill = {bench.cell.key: bench.checkpoints for bench in benches}
    try:
        train(
            made,
            block.slices(teachers.networks),
            processes=block.group,
            evaluate=partial(block.evaluate, spill=spill),
            every=block.spec["evaluate"]["every"],
        )
    except (SuiteError, OSError):
        raise
    except Exception as fault:  # reading, hardware, memory: weeks of training must not be thrown away for it
        raise Stopped(f"training stopped: {one_line(fault)}; run again to resume from the last checkpoints") from fault
    well = [(bench, student) for bench, student in students if student.fault is None]
    results |= {student.key: student.fault for student in made if student.fault is not None}
    if not well:
        return results
    correct = block.correct(
        {f"raw {s.key}": s.network for _, s in well} | {f"ema {s.key}": s.average.module for _, s in well}
    )
    for bench, student in well:
        if block.group.leader:
            save_file(_weights(student.network), bench.folder / WEIGHTS)
            save_file(_weights(student.average.module), bench.folder / AVERAGED)
        results[student.key] = _result(student, correct[f"raw {student.key}"], correct[f"ema {student.key}"])
    return results


def _weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}


def _result(student: FullStudent, correct: NDArray[np.bool_], averaged: NDArray[np.bool_]) -> tuple[Arrays, Metrics]:
    raw = np.array([record["accuracy"] for record in student.history])
    ema = np.array([record["accuracy_ema"] for record in student.history])
    arrays: dict[str, NDArray[Any] | np.generic] = {
        "accuracy_last": np.float64(raw[-1]),
        "accuracy_best": np.float64(raw.max()),
        "accuracy_ema_last": np.float64(ema[-1]),
        "accuracy_ema_best": np.float64(ema.max()),
        "correct": correct,
        "correct_ema": averaged,
        "steps": np.array([record["step"] for record in student.history]),
        "trajectory": raw,
        "trajectory_ema": ema,
        "parameters": np.int64(sum(p.numel() for p in student.network.parameters())),
    }
    for name in PROFILES if student.history[-1]["profile"] else ():
        arrays[f"profile.{name}"] = np.array([record["profile"][name] for record in student.history])
    metrics: Metrics = [{k: v for k, v in record.items() if k != "profile"} for record in student.history]
    return arrays, metrics
