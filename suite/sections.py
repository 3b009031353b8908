"""What a profile's file may say: one frozen record a section, checked when the file is read.

A new key is one line in its record: a name, a type (with its range), and a default if it may be left out.
"""

from __future__ import annotations

from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
AboveZero = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
MOST_SEEDS = 10_000
Seeds = Annotated[int, Meta(ge=1, le=MOST_SEEDS)]
Free = dict[str, Any]  # arguments that another library checks
EMBEDDED = ("digits",)  # data sources that come with a library
R = TypeVar("R")


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of the file; a key that it does not know is a fault."""


class Difference(Record, frozen=True, kw_only=True):
    """``[[deviations]]``: what differs from the papers at this scale."""

    what: str
    paper: str
    ours: str
    small: bool = False


class Unavailable(Record, frozen=True, kw_only=True):
    """``[unavailable]``: why the profile lacks what claims ask for."""

    why: str


class Data(Record, frozen=True, kw_only=True):
    """``[data]``: which images, and how they are shown."""

    source: str
    size: Positive | None = None
    mean: float | list[float] | None = None
    std: AboveZero | list[AboveZero] | None = None
    # embedded images
    test: Positive | None = None
    validation: Positive | None = None
    split_seed: Count | None = None
    # images to measure networks on
    preset: str | None = None
    transform: str | None = None
    limit: Positive | None = None
    split: str | None = None
    # images to train on
    interpolation: str | None = None
    crop_pct: AboveZero | None = None
    classes: Positive | list[str] | None = None
    classes_order: Literal["head"] | None = None  # their order is that of the teacher's outputs


class Measure(Record, frozen=True, kw_only=True):
    """``[measure]``: how layers are measured."""

    batch: Positive | None = None
    images: Positive | None = None
    loaders: Count | None = None


class Evaluate(Record, frozen=True, kw_only=True):
    """``[distill.evaluate]``: what is looked at while networks are trained."""

    every: Count | None = None
    milestones: list[Share] | None = None
    views: Count | None = None
    batch: Positive | None = None
    profile: Count | None = None
    teacher: Count | None = None
    weights: bool | None = None


class Recipe(Record, frozen=True, kw_only=True):
    """``[recipes.NAME]``, ``[distill.recipe]``, ``[networks.ROLE.recipe]``: how a network is trained."""

    epochs: Positive | None = None
    images: Count | None = None
    views: Count | None = None
    batch: Positive | None = None
    micro_batch: Positive | None = None
    repeats: Positive | None = None
    lr: AboveZero | None = None
    lr_batch: Positive | None = None
    weight_decay: Amount | None = None
    schedule: Literal["epoch", "step"] | None = None
    warmup: Share | None = None
    warmup_epochs: Count | None = None
    warmup_lr: Amount | None = None
    min_lr: Amount | None = None
    clip: Amount | None = None
    drop_path: Share | None = None
    mixup: Amount | None = None
    cutmix: Amount | None = None
    ema_decay: Share | None = None
    precision: Literal["float16", "bfloat16", "float32", "float64"] | None = None
    channels_last: bool | None = None
    compile: str | None = None
    augmentation: Free | None = None
    evaluate: Evaluate | None = None


class Network(Record, frozen=True, kw_only=True):
    """``[networks.ROLE]``: a network of timm, its weights or how it is trained."""

    timm: str
    overrides: Free | None = None
    pretrained: bool | None = None
    revision: str | None = None
    init: Literal["timm", "narrow"] | None = None
    fused: bool | None = None
    recipe: str | Recipe | None = None
    image_size: Positive | None = None
    epochs: Positive | None = None
    cost: AboveZero | None = None
    accuracy: AboveZero | None = None
    untrained: Free | None = None
    width: Positive | None = None


class SuperResolution(Record, frozen=True, kw_only=True):
    """``[super_resolution]``: a network that enlarges photographs, and how it is trained."""

    scale: Annotated[int, Meta(ge=2, le=4)]
    features: Annotated[int, Meta(ge=4, multiple_of=4)]
    blocks: Positive
    steps: Positive
    batch: Positive
    patch: Positive
    lr: AboveZero
    warmup: Positive


class Student(Record, frozen=True, kw_only=True):
    """``[distill.student]``: a plain Vision Transformer by its sizes, or a network of timm."""

    init: Literal["timm", "narrow"] | None = None
    config: Free | None = None
    timm: str | None = None
    overrides: Free | None = None
    decayed: list[str] | None = None


class Asks(Record, frozen=True, kw_only=True):
    """``[distill.asks]``: families of students that claims may ask for; one not named is asked of another profile.

    Attributes:
        architectures: students other than the plain one.
        variants: other weights of a term, and other orders of channels.
    """

    architectures: bool | None = None
    variants: bool | None = None


class Distill(Record, frozen=True, kw_only=True):
    """``[distill]``: who teaches whom, and how; ``left_out`` names methods that a longer profile compares."""

    teacher: str
    student: Student | None = None
    lengths: dict[str, Positive] | None = None
    widths: list[Positive] | None = None
    asks: Asks | None = None
    left_out: list[str] | None = None
    recipe: Recipe | None = None
    augmentation: Free | None = None
    evaluate: Evaluate | None = None
    options: dict[str, Free] | None = None


class Job(Record, frozen=True, kw_only=True):
    """``[compute.STUDY]``: what one job of a study asks of a cluster."""

    processes: Positive | None = None
    nodes: Positive | None = None
    hours: AboveZero | None = None
    slurm: Free | None = None


class Compute(Job, frozen=True, kw_only=True):
    """``[compute]``: where cells are computed, and what a job asks of a cluster."""

    device: Literal["auto", "cpu", "cuda"] | None = None
    studies: dict[str, Job] = {}


class Machine(Record, frozen=True, kw_only=True):
    """``[machine]``: what this machine can bear; enters no result."""

    loader_workers: Count | None = None
    memory_gib: AboveZero | None = None


class Sections(Record, frozen=True, kw_only=True):
    """Everything a profile states besides its head."""

    networks: dict[str, Network] = {}
    recipes: dict[str, Recipe] = {}
    data: Data | None = None
    measure: Measure | None = None
    distill: Distill | None = None
    super_resolution: SuperResolution | None = None
    compute: Compute | None = None
    machine: Machine | None = None
    unavailable: Unavailable | None = None


class File(Sections, frozen=True, kw_only=True):
    """A whole file, after what it extends was merged into it."""

    scope: Literal["published", "proxy", "smoke"]
    seeds: Seeds
    summary: str
    sampling: Literal["seeds", "images"] = "seeds"
    evidence: Literal["computed", "released"] = "computed"
    claims: list[str] = []
    deviations: list[Difference] = []

    def __post_init__(self) -> None:
        """One network is measured once, whatever the seed.

        Raises:
            ValueError: seeds are asked for where nothing is drawn from them.
        """
        if self.sampling == "images" and self.seeds != 1:
            raise ValueError('seeds must be 1 where sampling = "images": the networks are fixed, images are drawn')


def read(tables: dict[str, Any]) -> File:
    """The records of a file's tables.

    Raises:
        ValueError: a key is unknown, lacking, of another type or out of its range; the message names its place.
    """
    return _converted(tables, File)


def sections(tables: dict[str, Any]) -> Sections:
    """The records of tables without a file's head."""
    return _converted(tables, Sections)


def _converted(tables: dict[str, Any], kind: type[R]) -> R:
    tables = _with_studies(tables)
    try:
        return msgspec.convert(tables, kind)
    except msgspec.ValidationError as error:
        raise ValueError(_fault(tables, kind, ()) or str(error)) from None


def _with_studies(tables: dict[str, Any]) -> dict[str, Any]:
    """``[compute.STUDY]`` beside the section's own keys, told apart."""
    compute = tables.get("compute")
    if not isinstance(compute, dict):
        return tables
    known = {field.name for field in msgspec.structs.fields(Compute)} - {"studies"}
    studies = {name: value for name, value in compute.items() if name not in known and isinstance(value, dict)}
    own = {name: value for name, value in compute.items() if name not in studies}
    return tables | {"compute": own | ({"studies": studies} if studies else {})}


def _fault(value: Any, kind: Any, place: tuple[str, ...]) -> str:
    """The first thing that is wrong, with its exact place; empty if nothing is."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said = str(error).partition(" - at ")[0]
    else:
        return ""
    inner = _inner(value, kind)
    return next(filter(None, (_fault(*part) for part in _parts(value, inner, place))), "") or _words(
        value, inner, said, place
    )


def _inner(value: Any, kind: Any) -> Any:
    """The member of a union, or the annotated type, that a value of this form is meant to be."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        form = list if isinstance(value, list) else dict if isinstance(value, dict) else None
        for member in get_args(kind):
            table = isinstance(member, type) and issubclass(member, Record)
            if form is not None and (get_origin(member) is form or (table and form is dict)):
                return member
    return kind


def _parts(value: Any, kind: Any, place: tuple[str, ...]) -> list[tuple[Any, Any, tuple[str, ...]]]:
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Record):
        return [
            (value[field.name], field.type, place if field.name == "studies" else (*place, field.name))
            for field in msgspec.structs.fields(kind)
            if field.name in value
        ]
    if isinstance(value, dict) and get_origin(kind) is dict:
        return [(part, get_args(kind)[1], (*place, name)) for name, part in value.items()]
    if isinstance(value, list) and get_origin(kind) is list:
        return [(part, get_args(kind)[0], (*place, str(number))) for number, part in enumerate(value, 1)]
    return []


def _words(value: Any, kind: Any, said: str, place: tuple[str, ...]) -> str:
    where = ".".join(place)
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Record):
        fields = {field.name: field.required for field in msgspec.structs.fields(kind)}
        for name in value:
            if name not in fields:
                near = get_close_matches(name, fields, 1)
                meant = f"did you mean {near[0]}?" if near else f"it takes {', '.join(fields)}"
                return f"{f'[{where}] has' if where else 'it has'} no key {name!r}: {meant}"
        for name, required in fields.items():
            if required and name not in value:
                return f"{f'[{where}]' if where else 'it'} lacks the key {name!r}"
        return f"[{where}]: {said}" if where else said
    return f"{where} = {value!r}: {said[0].lower()}{said[1:]}"
