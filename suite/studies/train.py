"""Study *train*: one network under one method, at any scale; the students of a block are trained together.

A block is one seed. Its students see the same slices of the same batches and one pass of each teacher; what a batch
holds depends on seed and step alone. A teacher is pretrained, as initialised (a control), or a network that this
study trained without a teacher.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file

from baselines import build as build_method
from suite.errors import LostProcess, Stopped, SuiteError, one_line
from suite.measure.probes.entropy import Entropy
from suite.measure.probes.entropy_standardised import EntropyStandardised
from suite.measure.probes.magnitude import Magnitude
from suite.measure.probes.spectrum import Spectrum
from suite.measure.stream import LayerStream
from suite.models import layer_tokens
from suite.studies.images import open_sets
from suite.studies.networks import AVERAGED, WEIGHTS, make_student, open_teacher, spared
from suite.train.distributed import processes
from suite.train.loop import train
from suite.train.memory import GIB, PROBED, Need, available, fitting, footprint, need
from suite.train.numerics import Numerics, exactly
from suite.train.order import Order
from suite.train.recipe import Evaluate, Recipe
from suite.train.stream import Batch, Mix, Stream
from suite.train.student import Diverged, Student
from suite.train.targets import target
from suite.train.teacher import Kept, Live, Teacher, require_trained

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from baselines.protocol import Network
    from baselines.students import Tapped
    from suite.evidence.cell import Cell
    from suite.studies.images import Evaluation
    from suite.studies.networks import Columns
    from suite.studies.protocol import Arrays, Bench, Metrics

    Taught = Tapped | Columns
    Results = dict[str, tuple[Arrays, Metrics] | Exception]

TOGETHER = True  # the cells of a group are computed by one call
DISTRIBUTED = True  # by all processes of a job together
PROFILES = ("magnitude", "entropy_global", "entropy_layer", "entropy_standardised", "flatness")
PROBES = (Magnitude, Entropy, EntropyStandardised, Spectrum)  # which measure these
SHARED = ("data", "augmentation", "evaluate")  # parts of the spec that the students of a block have in common
WORTH_SAYING = GIB // 8  # less memory than this is no news


class Block:
    """What the students of one block share: images, order, teachers, processes."""

    def __init__(self, benches: Sequence[Bench]) -> None:
        """Open the images.

        Raises:
            SuiteError: the cells are not of one block, or the images cannot be opened.
        """
        cell = benches[0].cell
        _require_alike([bench.cell for bench in benches])
        self.seed, self.spec, local = cell.seed, cell.spec, cell.local
        self.recipe, self.look = Recipe.of(cell.spec["recipe"]), Evaluate.of(cell.spec["evaluate"])
        self.group = processes()
        self.numerics = Numerics.of(self.recipe, benches[0].device)
        self.free = available(self.numerics.device, local.get("memory_gib"))
        self.sets = open_sets(
            self.spec["data"],
            self.spec["augmentation"],
            recipe=self.recipe,
            evaluate=self.look,
            seed=self.seed,
            local=local,
            processes=self.group.count,
            device=self.numerics.device,
        )
        self.order = Order(
            len(self.sets.train),
            self.recipe.batch,
            self.recipe.slice,
            self.recipe.repeats,
            self.seed,
            self.recipe.views,
        )
        self.example = next(iter(self.sets.clean.read([range(PROBED[-1])])))[0]
        self._profiled: torch.Tensor | None = None

    # ------------------------------------------------------------------ teachers and batches

    def teacher(self, bench: Bench) -> Taught:
        """The teacher of a cell, known to know its classes unless it is the untrained control."""
        spec = bench.cell.spec["teacher"]
        teacher = open_teacher(
            spec,
            classes=self.sets.names,
            count=self.sets.classes,
            seed=self.seed,
            file=bench.cell.local.get("teacher", ""),
            trained=bench.need("teacher").folder if "teacher" in bench.cell.needs else None,
            order=self.spec["data"].get("classes_order", ""),
        )
        self.numerics.place(teacher)
        teacher.eval().requires_grad_(False)
        if spec["weights"] == "trained":
            images = self.sets.clean
            count = min(self.look.teacher or len(images), len(images))
            chosen = range(0, len(images), max(1, len(images) // count))
            right, _ = self.right({"it": teacher}, images, chosen)["it"]
            accuracy = require_trained(
                int(right.sum()), len(right), classes=self.sets.classes, published=spec.get("accuracy")
            )
            bench.report(0.0, f"the teacher is right on {accuracy:.2f} % of {len(right)} images")
        return teacher

    def stream(self, teachers: Mapping[str, Taught], students: Iterable[Student]) -> Stream:
        """This process's part of every step; teachers are asked for all that any of the students taps."""
        made = list(students)
        asked = {
            name: Teacher.of(network, [student.method.taps for student in made if student.teacher == name])
            for name, network in teachers.items()
        }
        answers: Kept | Live
        if self.recipe.views:
            answers = Kept(asked, self.sets.train, self.recipe.repeats, self.numerics)
        else:
            answers = Live(asked, self.numerics)
        mix = Mix(self.recipe.mixup, self.recipe.cutmix, self.sets.classes, self.seed)
        return Stream(self.sets.train, self.order, answers, mix=mix, processes=self.group, numerics=self.numerics)

    # ------------------------------------------------------------------ measuring

    def right(
        self, networks: Mapping[str, Any], images: Evaluation, chosen: range
    ) -> dict[str, tuple[NDArray[np.bool_], bool]]:
        """Which images each network gets right ``[I]``, and whether all its logits are finite numbers.

        All networks share one pass over the images, and processes share the images. It is decided on the device, and
        read back once.
        """
        mine = chosen[self.group.rank :: self.group.count]
        size = self.look.batch
        batches = [mine[first : first + size] for first in range(0, len(mine), size)]
        for network in networks.values():
            network.eval()
        found: dict[str, list[torch.Tensor]] = {name: [] for name in networks}
        finite: dict[str, list[torch.Tensor]] = {name: [] for name in networks}
        with torch.inference_mode(), self.numerics.autocast(), exactly():
            for values, truth in images.read(batches):
                pixels = self.numerics.pixels(self._padded(values, size))
                labels = truth.to(self.numerics.device, non_blocking=True)
                for name, network in networks.items():
                    logits = network(pixels).logits[: len(labels)]
                    found[name].append(logits.argmax(dim=1) == labels)
                    finite[name].append(logits.isfinite().all())
            own = {
                name: (
                    torch.cat(found[name]).cpu().numpy() if found[name] else np.zeros(0, dtype=np.bool_),
                    bool(torch.stack(finite[name]).all()) if finite[name] else True,
                )
                for name in networks
            }
        parts = self.group.gather(own)
        return {
            name: (_interleaved([part[name][0] for part in parts], len(chosen)), all(part[name][1] for part in parts))
            for name in networks
        }

    def _padded(self, pixels: torch.Tensor, size: int) -> torch.Tensor:
        """A last, smaller batch filled up, where another shape would be compiled anew."""
        if not self.numerics.compile or len(pixels) == size:
            return pixels
        return torch.cat([pixels, pixels[-1:].expand(size - len(pixels), *pixels.shape[1:])])

    def evaluate(
        self, students: Sequence[Student], *, benches: Mapping[str, Bench], kept: dict[str, dict[str, Any]]
    ) -> dict[str, dict[str, Any] | Exception]:
        """Accuracy of raw and averaged weights, and the layer profile of the raw ones, by key.

        Args:
            students: whom.
            benches: where what does not fit into memory is put, by key.
            kept: told which images the students get right, by key.
        """
        networks: dict[str, torch.nn.Module] = {f"raw {s.key}": s.network for s in students}
        networks |= {f"ema {s.key}": s.average.module for s in students if s.average}
        images = self.sets.evaluation
        found = self.right(networks, images, range(len(images)))
        results: dict[str, dict[str, Any] | Exception] = {}
        for student in students:
            correct, finite = found[f"raw {student.key}"]
            if not finite:
                results[student.key] = Diverged(f"an output is NaN or infinite after step {student.done}")
                continue
            record: dict[str, Any] = {"accuracy": 100.0 * float(correct.mean())}
            kept[student.key] = {"correct": correct}
            if student.average:
                averaged, _ = found[f"ema {student.key}"]
                record["accuracy_ema"] = 100.0 * float(averaged.mean())
                kept[student.key]["correct_ema"] = averaged
            results[student.key] = record | {"profile": self._profile(student.network, benches[student.key])}
        return results

    def _profile(self, network: Tapped, bench: Bench) -> dict[str, list[float]]:
        """The measurements of every layer on evaluation images at even distances, by the leader alone."""
        if not self.look.profile or not self.group.leader:
            return {}
        if self._profiled is None:
            images = self.sets.clean
            count = min(self.look.profile, len(images))
            chosen = range(0, len(images), len(images) // count)[:count]
            batches = [chosen[first : first + self.look.batch] for first in range(0, count, self.look.batch)]
            self._profiled = self.numerics.pixels(torch.cat([pixels for pixels, _ in images.read(batches)]))
        network.eval()
        with (
            torch.inference_mode(),
            exactly(),
            LayerStream(PROBES, seed=0, spill=bench.checkpoints, deep=()) as stream,
        ):
            try:
                for part in torch.split(self._profiled, self.look.batch):
                    stream.update([layer.float() for layer in layer_tokens(network, part)])
                measured = stream.finish()
            except ValueError:  # features that are not finite have no profile
                return {name: [float("nan")] * network.depth for name in PROFILES}
        return {name: measured[name].mean(axis=1).tolist() for name in PROFILES}

    # ------------------------------------------------------------------ memory

    def weigh(self, students: Sequence[Student], teachers: Mapping[str, Taught]) -> dict[str, Exception]:
        """Tell what every student needs; by key, the fault of each that does not fit beside those before it."""
        needs: list[tuple[Student, Need]] = []
        faults: dict[str, Exception] = {}
        for student in students:
            try:
                needs.append((student, need(student, self._probes(student, teachers), self.recipe.slice)))
            except Stopped:
                raise
            except Exception as fault:  # noqa: BLE001 - of its method, say: it ends alone
                student.break_off(fault)
                faults[student.key] = student.broken or fault
        shared = sum(footprint(teacher) for teacher in teachers.values())
        free = min(self.group.gather(self.free))
        fits = fitting([one for _, one in needs], shared, free)
        for student, one in needs:
            if one.lasting + one.activations > WORTH_SAYING:
                student.report(student.done / student.steps, one.line())
        left = [(student.key, one) for (student, one), fit in zip(needs, fits, strict=True) if not fit]
        return faults | {key: _too_large(one, free, shared, [other.label for _, other in left]) for key, one in left}

    def _probes(self, student: Student, teachers: Mapping[str, Taught]) -> tuple[Batch, Batch]:
        """Two small slices that the student could be shown."""
        small, large = (self._probe(student, teachers, count) for count in PROBED)
        return small, large

    def _probe(self, student: Student, teachers: Mapping[str, Taught], count: int) -> Batch:
        pixels = self.numerics.pixels(torch.randn(count, *self.example.shape[1:], generator=_from(0)))
        labels = torch.zeros(count, dtype=torch.long, device=self.numerics.device)
        asked = {}
        if student.teacher:
            asked[student.teacher] = Teacher.of(teachers[student.teacher], [student.method.taps])
        return Batch(pixels, labels, Live(asked, self.numerics)((), pixels))


def _require_alike(cells: Sequence[Cell]) -> None:
    """The cells of a block differ in their students, methods, teachers and lengths alone."""

    def common(cell: Cell) -> tuple[Any, ...]:
        recipe = {name: value for name, value in cell.spec["recipe"].items() if name not in OWN}
        return (cell.seed, recipe, *(cell.spec[name] for name in SHARED))

    if any(common(cell) != common(cells[0]) for cell in cells):
        raise SuiteError(f"students of one block must have seed, {', '.join(SHARED)} and recipe in common")


OWN = (
    "epochs",
    "lr",
    "lr_batch",
    "weight_decay",
    "schedule",
    "warmup",
    "warmup_epochs",
    "warmup_lr",
    "min_lr",
    "clip",
    "drop_path",
    "ema_decay",
)  # what a student of a block may have of its own


def _too_large(one: Need, free: int, shared: int, left: Sequence[str]) -> Exception:
    return SuiteError(
        f"{one.label} does not fit beside the students before it: it needs "
        f"{(one.lasting + one.activations) / GIB:.2f} GiB, of {free / GIB:.2f} GiB the teachers {shared / GIB:.2f}; "
        f"train {', '.join(left)} in another block (run again: what is left forms one), or choose a smaller micro_batch"
    )


def _interleaved(parts: Sequence[NDArray[np.bool_]], count: int) -> NDArray[np.bool_]:
    """What the processes found of every ``len(parts)``-th image, in the order of the images."""
    whole = np.zeros(count, dtype=np.bool_)
    for rank, part in enumerate(parts):
        whole[rank :: len(parts)] = part
    return whole


def _from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class _Teachers:
    """The teachers of a block by name, and why one of them cannot teach."""

    def __init__(self, block: Block, benches: Sequence[Bench]) -> None:
        """Open and check each once."""
        self.networks: dict[str, Taught] = {}
        self.shapes: dict[str, Network] = {}
        self.faults: dict[str, Exception] = {}
        for bench in benches:
            name = bench.cell.spec["teacher"]["weights"]
            if not name or name in self.networks or name in self.faults:
                continue
            try:
                teacher = block.teacher(bench)
                self.shapes[name] = teacher.network(block.numerics.pixels(block.example))
                self.networks[name] = teacher
            except Stopped:
                raise
            except Exception as fault:  # noqa: BLE001 - it ends its own students alone
                self.faults[name] = fault

    def shape_of(self, name: str) -> Network | None:
        """What a method may know of a teacher; None without one.

        Raises:
            Exception: it cannot teach.
        """
        if name in self.faults:
            raise self.faults[name]
        return self.shapes.get(name)


def _student(bench: Bench, block: Block, teacher: Network | None) -> Student:
    """The student of one cell, resumed if it was begun before."""
    spec, seed, recipe = bench.cell.spec, block.seed, Recipe.of(bench.cell.spec["recipe"])
    network = make_student(spec["student"], classes=block.sets.classes, drop_path=recipe.drop_path, seed=seed)
    method = build_method(
        spec["method"]["name"],
        student=network.network(block.example),
        teacher=teacher,
        options=spec["method"]["options"],
        generator=_from(seed + 1),
    )
    return Student(
        key=bench.cell.key,
        label=bench.cell.label,
        network=network,
        method=method,
        recipe=recipe,
        steps_per_epoch=block.order.steps_per_epoch,
        slices=block.order.slices,
        seed=seed + 2,
        numerics=block.numerics,
        processes=block.group,
        checkpoint=bench.checkpoints / "student.pt",
        milestones=block.look.after(recipe.epochs),
        spared=spared(network) if spec["student"].get("spared", True) else frozenset(),
        teacher="" if teacher is None else spec["teacher"]["weights"],
        target=(target(spec["target"]), seed),
        report=bench.report,
    )


def run_block(benches: Sequence[Bench]) -> Results:
    """Train all students of a block together.

    Returns:
        by cell key: ``accuracy_last``, ``accuracy_best`` [percent, evaluation images], ``correct`` [I] of the last
        epoch, ``steps`` [E], ``trajectory`` [E, percent], ``profile.NAME`` [E, L], ``parameters`` and ``width``
        [channels of the first layer] of the student; where there is a teacher, ``effective_weight_first`` and ``_last``
        (:mod:`baselines.effective`, at the first and the last step); where an average of the weights is kept,
        ``accuracy_ema_last``, ``accuracy_ema_best``, ``correct_ema`` and ``trajectory_ema`` as well; or the fault that
        ended this student.
        Where the cell asks for it, the last weights, raw and averaged, lie in its folder.
    """
    block = Block(benches)
    teachers = _Teachers(block, benches)
    results: Results = {}
    students: list[Student] = []
    by_key = {bench.cell.key: bench for bench in benches}
    for bench in benches:
        weights = bench.cell.spec["teacher"]["weights"]
        try:
            students.append(_student(bench, block, teachers.shape_of(weights)))
        except Stopped:
            raise
        except Exception as fault:  # noqa: BLE001 - it ends alone
            results[bench.cell.key] = fault
    begun = block.group.gather([student.key for student in students])
    if begun.count(begun[0]) < len(begun):
        raise LostProcess("the processes could not all set up the same students: are their machines alike?")
    unfit = block.weigh(students, teachers.networks)
    results |= unfit
    students = [student for student in students if student.key not in unfit]
    kept: dict[str, dict[str, Any]] = {}
    evaluate = partial(block.evaluate, benches=by_key, kept=kept)
    try:
        stream = block.stream(teachers.networks, students)
        train(students, stream, processes=block.group, evaluate=evaluate)
    except (SuiteError, OSError):
        raise
    except Exception as fault:  # reading, hardware, memory: weeks of training must not be thrown away for it
        raise Stopped(f"training stopped: {one_line(fault)}; run again to resume from the last checkpoints") from fault
    well = [student for student in students if student.fault is None]
    results |= {student.key: student.fault for student in students if student.fault is not None}
    resumed_at_the_end = [student for student in well if student.key not in kept]
    if resumed_at_the_end:
        evaluate(resumed_at_the_end)
    for student in well:
        results[student.key] = _result(student, kept[student.key], block.example)
        if block.look.weights and block.group.leader:
            _keep(student, by_key[student.key])
    return results


def _keep(student: Student, bench: Bench) -> None:
    save_file(_weights(student.network), bench.folder / WEIGHTS)
    if student.average:
        save_file(_weights(student.average.module), bench.folder / AVERAGED)


def _weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}


def _result(student: Student, correct: Mapping[str, Any], example: torch.Tensor) -> tuple[Arrays, Metrics]:
    shape = student.network.network(student.numerics.pixels(example))
    arrays: dict[str, NDArray[Any] | np.generic] = {
        **correct,
        "steps": np.array([record["step"] for record in student.history]),
        "parameters": np.int64(sum(p.numel() for p in student.network.parameters())),
        "width": np.int64(shape.maps[0].channels),
    }
    arrays |= {f"effective_weight_{when}": np.float64(ratio) for when, ratio in student.effective.items()}
    for ending in ("", "_ema") if student.average else ("",):
        course = np.array([record[f"accuracy{ending}"] for record in student.history])
        arrays |= {
            f"accuracy{ending}_last": np.float64(course[-1]),
            f"accuracy{ending}_best": np.float64(course.max()),
            f"trajectory{ending}": course,
        }
    for name in PROFILES if student.history[-1]["profile"] else ():
        arrays[f"profile.{name}"] = np.array([record["profile"][name] for record in student.history])
    metrics: Metrics = [{k: v for k, v in record.items() if k != "profile"} for record in student.history]
    return arrays, metrics
