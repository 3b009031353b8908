"""Our losses against numbers that the authors' released code gave for the same inputs.

`check` takes the arrays of one file and the file's name, which says what computed it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._logits import hard_labels, soft_kd
from baselines.attention_rows import row_distance
from baselines.attention_transfer import attention_transfer
from baselines.class_attention import aggregate, interpolate, row_divergence
from baselines.dist import inter_class, intra_class
from baselines.dkd import DKD, DKDOptions, decoupled
from baselines.fd import BETA, smooth_distance
from baselines.lskd import standardise
from baselines.manifold_kd import patch_loss, sample_loss, unit_tokens
from baselines.nkd import other_term, target_term
from baselines.ofa_kd import adaptive_target
from baselines.projector_kd_released import normalised_mse
from baselines.protocol import MapShape, Network, Outputs
from baselines.scalekd import AttentionProjector, frequency_distance, spatial_distance
from baselines.spectral_kd import spatial_alignment, spectral_alignment
from baselines.timm_logit import teacher_input, weights
from baselines.tinymim import relation_distance, scores
from baselines.vitkd import SHALLOW, MimicAndGenerate, ViTKDOptions
from baselines.vkd import VkDOptions, patch_distance, pooled_distance
from baselines.vkd_released import ParametrisedAlignment

TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}
"""Largest relative error by precision: some hundred roundings, as sums are taken in another order."""


@dataclass(frozen=True)
class Parity:
    """How far one quantity is from the authors'.

    Attributes:
        quantity: The loss, or whose gradient.
        error: Largest absolute difference over the largest absolute value of the authors'.
        tolerance: Largest error taken for rounding.
    """

    quantity: str
    error: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the difference is rounding; never for a NaN."""
        return self.error <= self.tolerance


def recognises(stem: str) -> bool:
    """Whether a file of this name (without its suffix) holds goldens of a method here."""
    return any(stem.startswith(prefix) for prefix in CHECKS)


def check(stem: str, arrays: Mapping[str, Any]) -> list[Parity]:
    """Compare our value, and every gradient the file holds, with the authors'.

    Args:
        stem: The file's name without its suffix.
        arrays: Name → NumPy array, all that the file holds; `grad_x` is the gradient for array `x`.

    Raises:
        ValueError: No method goes by that name, or the file lacks an array.
    """
    prefixes = [prefix for prefix in CHECKS if stem.startswith(prefix)]
    if not prefixes:
        raise ValueError(f"no method has goldens named {stem!r}: known are {', '.join(CHECKS)}")
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    try:
        for leaf in _leaves(tensors).values():
            tensors[leaf].requires_grad_()
        return CHECKS[max(prefixes, key=len)](tensors)
    except KeyError as missing:
        raise ValueError(f"{stem} holds no array {missing}: copy the file anew") from missing


def _leaves(arrays: Mapping[str, Tensor]) -> dict[str, str]:
    """Name of every gradient in the file → name of the array it belongs to."""
    names = {name: name.removeprefix("grad_") for name in arrays if name.startswith("grad_")}
    return {gradient: leaf if leaf in arrays else f"{leaf}_logits" for gradient, leaf in names.items()}


def _parity(quantity: str, ours: Tensor, theirs: Tensor) -> Parity:
    error = (ours.detach() - theirs).abs().max() / theirs.abs().max().clamp_min(torch.finfo(theirs.dtype).tiny)
    return Parity(quantity, float(error), TOLERANCES[theirs.dtype])


def _gradients(loss: Tensor, arrays: Mapping[str, Tensor], *, form: str = "") -> list[Parity]:
    """Every gradient of the file against ours."""
    leaves = _leaves(arrays)
    wanted = [arrays[leaf] for leaf in leaves.values()]
    ours = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True) if leaves else ()
    return [
        _parity(f"{form}gradient of {leaf}", gradient, arrays[name])
        for (name, leaf), gradient in zip(leaves.items(), ours, strict=True)
    ]


def _soft_kd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    loss = soft_kd(arrays["student_logits"], arrays["teacher_logits"], temperature=float(arrays["temperature"]))
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _spectral(arrays: Mapping[str, Tensor]) -> list[Parity]:
    """Both forms of the loss, averaged over the pairs student…, teacher… of the file."""
    students = sorted(name for name in arrays if name.startswith("student"))
    pairs = [(arrays[name], arrays[name.replace("student", "teacher")]) for name in students]
    found = []
    for form, alignment in {"rfft2 ": spectral_alignment, "spatial ": spatial_alignment}.items():
        loss = torch.stack([alignment(student, teacher) for student, teacher in pairs]).mean()
        found += [_parity(f"{form}loss", loss, arrays["loss"]), *_gradients(loss, arrays, form=form)]
    return found


def _projector(arrays: Mapping[str, Tensor]) -> list[Parity]:
    tokens = F.linear(arrays["student"].movedim(1, -1), arrays["weight"], arrays["bias"])
    loss = normalised_mse(tokens.movedim(-1, 1), arrays["teacher"])
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _manifold(arrays: Mapping[str, Tensor]) -> list[Parity]:
    """Tokens [B, N, C] of one layer; the gradient is that of the sum of the two un-weighted terms."""
    student, teacher = (unit_tokens(arrays[name].mT[..., None]) for name in ("student", "teacher"))
    patch, sample = patch_loss(student, teacher), sample_loss(student, teacher)
    return [
        _parity("patch loss", patch, arrays["loss_patch"]),
        _parity("sample loss", sample, arrays["loss_sample"]),
        *_gradients(patch + sample, arrays),
    ]


def _vitkd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    """Our module with the file's parameters and mask, on square grids of tokens [B, N, C]."""
    side = math.isqrt(arrays["dropped"].shape[1])

    def network(name: str) -> Network:
        shape = MapShape(arrays[name].shape[-1], side, side)
        return Network(depth=2, maps=dict.fromkeys(SHALLOW, shape), final=shape, classes=0)

    def as_map(tokens: Tensor) -> Tensor:
        return tokens.mT.reshape(*tokens.mT.shape[:-1], side, side)

    options = ViTKDOptions(
        mimic_weight=float(arrays["alpha"]),
        generation_weight=float(arrays["beta"]),
        mask_ratio=float(arrays["mask_ratio"]),
        logits=False,
    )
    part = MimicAndGenerate(options)
    part.prepare(network("high_student"), network("high_teacher"), torch.Generator())
    state = {_our_name(name): value for name, value in arrays.items() if name.startswith("p_")}
    part.double().load_state_dict(state | {"mask_token": state["mask_token"].flatten()})
    shallow = [[as_map(x) for x in arrays[name].unbind(1)] for name in ("low_student", "low_teacher")]
    loss = part.mimic(*shallow) + part.generate(
        as_map(arrays["high_student"]), as_map(arrays["high_teacher"]), dropped=arrays["dropped"]
    )
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _our_name(theirs: str) -> str:
    """Name in our module of one of ViTKD's parameters: p_align2_0_weight is align_shallow.0.weight."""
    name = theirs.removeprefix("p_")
    for old, new in (
        ("align2_", "align_shallow."),
        ("align_", "align_final."),
        ("generation_", "generation."),
    ):
        if name.startswith(old):
            return new + name.removeprefix(old).replace("_", ".")
    return name


def _dist(arrays: Mapping[str, Tensor]) -> list[Parity]:
    temperature = float(arrays["temperature"])
    p, q = ((arrays[f"{who}_logits"] / temperature).softmax(-1) for who in ("student", "teacher"))
    inter, intra = inter_class(p, q), intra_class(p, q)
    loss = temperature**2 * (float(arrays["beta"]) * inter + float(arrays["gamma"]) * intra)
    return [
        _parity("loss", loss, arrays["loss"]),
        _parity("inter loss", inter, arrays["loss_inter"]),
        _parity("intra loss", intra, arrays["loss_intra"]),
        *_gradients(loss, arrays),
    ]


def _lskd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    own, taught = (standardise(arrays[f"{who}_logits"]) for who in ("student", "teacher"))
    if "alpha" in arrays:
        return _decoupled(own, taught, arrays)
    loss = soft_kd(own, taught, temperature=float(arrays["temperature"]))
    loss = loss * float(arrays.get("weight", torch.tensor(1.0)))
    kept = {"standardised_student": own, "standardised_teacher": taught}
    return [
        _parity("loss", loss, arrays["loss"]),
        *[_parity(f"loss's {name}", x, arrays[name]) for name, x in kept.items() if name in arrays],
        *_gradients(loss, arrays),
    ]


def _decoupled(own: Tensor, taught: Tensor, arrays: Mapping[str, Tensor]) -> list[Parity]:
    target, other = decoupled(own, taught, arrays["labels"], temperature=float(arrays["temperature"]))
    loss = float(arrays["alpha"]) * target + float(arrays["beta"]) * other
    return [
        _parity("loss", loss, arrays["loss"]),
        _parity("target loss", target, arrays["loss_target"]),
        _parity("non-target loss", other, arrays["loss_non_target"]),
        *_gradients(loss, arrays),
    ]


def _dkd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    if "epoch" not in arrays:
        return _decoupled(arrays["student_logits"], arrays["teacher_logits"], arrays)
    length = 12 * float(arrays["warm_up_epochs"])  # any length of training: only shares of it count
    options = DKDOptions(
        label_smoothing=0.0,
        temperature=float(arrays["temperature"]),
        target_weight=float(arrays["alpha"]),
        other_weight=float(arrays["beta"]),
        warmup_share=float(arrays["warm_up_epochs"]) / length,
    )
    classes = arrays["student_logits"].shape[1]
    network = Network(depth=0, maps={}, final=MapShape(1, 1, 1), classes=classes)
    terms = DKD(network, network, options, torch.Generator())(
        Outputs(arrays["student_logits"]),
        Outputs(arrays["teacher_logits"]),
        arrays["labels"],
        generator=torch.Generator(),
        progress=float(arrays["epoch"]) / length,
    )
    teacher = terms["target"] + terms["non_target"]
    return [
        _parity("loss", terms["ce"] + teacher, arrays["loss"]),
        _parity("cross-entropy loss", terms["ce"], arrays["loss_ce"]),
        _parity("warmed-up loss", teacher, arrays["loss_dkd"]),
        *_gradients(terms["ce"] + teacher, arrays),
    ]


def _nkd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    own, taught, labels = arrays["student_logits"], arrays["teacher_logits"], hard_labels(arrays["labels"])
    target = target_term(own, taught, labels)
    other = other_term(own, taught, labels, temperature=float(arrays["temperature"]))
    loss = target + float(arrays["gamma"]) * other
    return [
        _parity("loss", loss, arrays["loss"]),
        _parity("target loss", target, arrays["loss_target"]),
        *_gradients(loss, arrays),
    ]


def _ofa(arrays: Mapping[str, Tensor]) -> list[Parity]:
    loss = adaptive_target(
        arrays["student_logits"],
        arrays["teacher_logits"],
        hard_labels(arrays["labels"]),
        exponent=float(arrays["eps"]),
        temperature=float(arrays["temperature"]),
    )
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _timm_logit(arrays: Mapping[str, Tensor]) -> list[Parity]:
    own, labels = arrays["student_logits"], arrays["labels"]
    loss = soft_kd(own, arrays["teacher_logits"], temperature=float(arrays["temperature"]))
    task = F.cross_entropy(own, labels)
    pairs = zip(arrays["given_task_weight"].tolist(), arrays["given_distill_weight"].tolist(), strict=True)
    given = [weights(*(None if math.isnan(w) else w for w in pair)) for pair in pairs]
    totals = torch.stack([a * task + b * loss for a, b in given])
    return [
        _parity("loss", loss, arrays["loss"]),
        _parity("task loss", task, arrays["task_loss"]),
        _parity("total loss", totals, arrays["total"]),
        *_gradients(loss, arrays),
    ]


def _timm_teacher_input(arrays: Mapping[str, Tensor]) -> list[Parity]:
    own, taught = ((arrays[f"{who}_mean"], arrays[f"{who}_std"]) for who in ("student", "teacher"))
    return [_parity("loss's input", teacher_input(arrays["image"], own, taught), arrays["teacher_image"])]


def _timm_feature(arrays: Mapping[str, Tensor]) -> list[Parity]:
    own = arrays["student"]
    if "p_projection_weight" in arrays:
        own = F.linear(own, arrays["p_projection_weight"], arrays["p_projection_bias"])
    loss = F.mse_loss(own, arrays["teacher"])
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _fd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    """The whole of it at the level of tokens [B, N, C]; the teacher's own norm comes before ours where it is given."""
    weight, bias = arrays["p_decoder_0_weight"].squeeze(-1), arrays["p_decoder_0_bias"]
    taught = arrays["teacher"]
    if "p_norm_weight" in arrays:
        taught = F.layer_norm(taught, taught.shape[-1:], arrays["p_norm_weight"], arrays["p_norm_bias"], eps=1e-6)
    loss = smooth_distance(F.linear(arrays["student"], weight, bias), taught)
    return [
        _parity("loss", loss, arrays["loss"]),
        _parity("loss's beta", torch.tensor(BETA, dtype=torch.float64), arrays["beta"]),
        *_gradients(loss, arrays),
    ]


def _vkd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    """The feature term with W as it is, or as the released parametrisation makes it of what the optimiser holds."""
    own, taught = arrays["student"].mean(1), arrays["teacher"].mean((2, 3))
    found: list[Parity] = []
    weight = arrays.get("p_weight")
    if weight is None:
        weight = _parametrised(arrays)
        found.append(_parity("loss's weight", weight, arrays["weight"]))
    feature = pooled_distance(F.linear(own, weight), taught)
    if "class_logits" not in arrays:
        return [_parity("loss", feature, arrays["loss"]), *found, *_gradients(feature, arrays)]
    ce = F.cross_entropy(arrays["class_logits"], arrays["labels"])
    kl = soft_kd(arrays["distillation_logits"], arrays["teacher_logits"])
    loss = ce + float(arrays["gamma"]) * kl + float(arrays["alpha"]) * feature
    return [
        _parity("loss", loss, arrays["loss"]),
        _parity("cross-entropy loss", ce, arrays["loss_ce"]),
        _parity("divergence loss", kl, arrays["loss_kl"]),
        _parity("feature loss", feature, arrays["loss_feature"]),
        *_gradients(loss, arrays),
    ]


def _parametrised(arrays: Mapping[str, Tensor]) -> Tensor:
    """The projection that torch's parametrisation makes of the file's parameter."""
    original, base = arrays["p_original"], arrays["p_base"]
    part = ParametrisedAlignment(VkDOptions())
    made: Any = part.projection(original.shape[1], original.shape[0], torch.Generator()).double().parametrizations
    with torch.no_grad():
        made.weight[0].base.copy_(base)
    weight: Tensor = made.weight[0](original)
    return weight


def _vkd_detection(arrays: Mapping[str, Tensor]) -> list[Parity]:
    own, taught = (arrays[who].movedim(1, -1).flatten(0, 2) for who in ("student", "teacher"))
    own = F.linear(own, arrays["p_weight"]) * arrays["p_scale"] + arrays["p_bias"]
    loss = patch_distance(own, taught)
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _scalekd_features(arrays: Mapping[str, Tensor]) -> list[Parity]:
    own = arrays["student"].mT.reshape(arrays["teacher"].shape)
    return _scalekd_losses(own, own, arrays)


def _scalekd_losses(spatial_map: Tensor, frequency_map: Tensor, arrays: Mapping[str, Tensor]) -> list[Parity]:
    alpha = arrays["alpha"].tolist()
    spatial = alpha[0] * spatial_distance(spatial_map, arrays["teacher"])
    frequency = alpha[1] * frequency_distance(frequency_map, arrays["teacher"])
    return [
        _parity("loss", spatial + frequency, arrays["loss"]),
        _parity("spatial loss", spatial, arrays["loss_spatial"]),
        _parity("frequency loss", frequency, arrays["loss_frequency"]),
        *_gradients(spatial + frequency, arrays),
    ]


PROJECTOR_NAMES = {
    "pos_embed": "position",
    "proj_pos_0_weight": "conv_query.weight",
    "proj_pos_0_bias": "conv_query.bias",
    "proj_student_0_weight": "conv.weight",
    "proj_student_1_weight": "norm_student.weight",
    "proj_student_1_bias": "norm_student.bias",
    "pos_attention_q_weight": "q.weight",
    "pos_attention_q_bias": "q.bias",
    "pos_attention_k_weight": "k.weight",
    "pos_attention_v_weight": "v.weight",
    "pos_attention_v_bias": "v.bias",
    "pos_attention_proj_weight": "out.weight",
    "pos_attention_proj_bias": "out.bias",
    "ffn_layers_0_0_weight": "widen.weight",
    "ffn_layers_0_0_bias": "widen.bias",
    "ffn_layers_1_weight": "narrow.weight",
    "ffn_layers_1_bias": "narrow.bias",
    "norm_weight": "norm.weight",
    "norm_bias": "norm.bias",
    "query_weight": "query",
}
"""ScaleKD's parameters by the authors' names → ours."""


def _scalekd(arrays: Mapping[str, Tensor]) -> list[Parity]:
    """Both projectors with the file's parameters and, where it gives them, its queries."""
    own, wanted = (MapShape(*arrays[who].shape[1:]) for who in ("student", "teacher"))

    def projected(number: int, queries: str) -> Tensor:
        module = AttentionProjector(
            own,
            wanted,
            heads=int(arrays["heads"]),
            softmax_scale=float(arrays["softmax_scale"][number]),
            generator=torch.Generator(),
        )
        theirs = {ours: arrays.get(f"p_projector_{number}_{name}") for name, ours in PROJECTOR_NAMES.items()}
        given = {ours: x for ours, x in theirs.items() if x is not None}
        arguments = (arrays["student"], arrays.get(queries))
        found: Tensor = torch.func.functional_call(module.double(), given, arguments)
        return found

    return _scalekd_losses(projected(0, "query_spatial"), projected(1, "query_frequency"), arrays)


def _tinymim_scores(arrays: Mapping[str, Tensor]) -> list[Parity]:
    loss = relation_distance(arrays["student"], arrays["teacher"])
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _tinymim(arrays: Mapping[str, Tensor]) -> list[Parity]:
    heads = int(arrays["heads"])

    def relations(who: str) -> tuple[Tensor, Tensor]:
        def of(name: str) -> Tensor:
            return arrays[f"p_{who}_{name}"]

        tokens = F.layer_norm(arrays[who], arrays[who].shape[-1:], of("norm_weight"), of("norm_bias"), eps=1e-6)
        qkv = F.linear(tokens, of("qkv_weight"), of("qkv_bias"))
        q, k, v = qkv.reshape(*qkv.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return scores(q, k), scores(v, v)

    (own_qk, own_vv), (taught_qk, taught_vv) = relations("student"), relations("teacher")
    qk, vv = relation_distance(own_qk, taught_qk), relation_distance(own_vv, taught_vv)
    return [
        _parity("loss", qk + vv, arrays["loss"]),
        _parity("query-key loss", qk, arrays["loss_qk"]),
        _parity("value-value loss", vv, arrays["loss_vv"]),
        *_gradients(qk + vv, arrays),
    ]


def _attention_map(arrays: Mapping[str, Tensor]) -> list[Parity]:
    loss = attention_transfer(arrays["student"], arrays["teacher"])
    return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]


def _by_layer(distance: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Mapping[str, Tensor]], list[Parity]]:
    """The check of a distance summed over the first layers of stacked ones, [L, B, heads, …]."""

    def compare(arrays: Mapping[str, Tensor]) -> list[Parity]:
        layers = len(arrays["student"]) + int(arrays["end_layer"])
        pairs = zip(arrays["student"][:layers], arrays["teacher"][:layers], strict=True)
        loss = torch.stack([distance(own, taught) for own, taught in pairs]).sum()
        return [_parity("loss", loss, arrays["loss"]), *_gradients(loss, arrays)]

    return compare


def _class_attention(arrays: Mapping[str, Tensor]) -> list[Parity]:
    own, taught = arrays["student_attention"], arrays["teacher_attention"]
    if "temperature" in arrays:
        temperature = float(arrays["temperature"])
        own, taught = (aggregate(x.log(), temperature=temperature) for x in (own, taught))
    else:
        grids = [(math.isqrt(x.shape[-1] - 1),) * 2 for x in (taught, own)]
        taught = interpolate(taught, *grids)
    attention = float(arrays["attention_weight"]) * row_divergence(own, taught)
    feature = float(arrays["class_weight"]) * F.mse_loss(arrays["student_class"], arrays["teacher_class"])
    return [
        _parity("loss", attention + feature, arrays["loss"]),
        _parity("attention loss", attention, arrays["loss_attention"]),
        _parity("class feature loss", feature, arrays["loss_class"]),
        *_gradients(attention + feature, arrays),
    ]


CHECKS: Mapping[str, Callable[[Mapping[str, Tensor]], list[Parity]]] = {
    "attention_matrices": _by_layer(row_distance),
    "attention_queries": _by_layer(F.mse_loss),
    "attention_transfer_map": _attention_map,
    "class_attention_": _class_attention,
    "dist_": _dist,
    "dkd_": _dkd,
    "fd_": _fd,
    "lskd_": _lskd,
    "manifold_": _manifold,
    "nkd_": _nkd,
    "ofa_": _ofa,
    "projector_as_released": _projector,
    "scalekd_features_": _scalekd_features,
    "scalekd_": _scalekd,
    "soft_kd_": _soft_kd,
    "spectral_alignment_": _spectral,
    "timm_feature_": _timm_feature,
    "timm_logit_": _timm_logit,
    "timm_teacher_input": _timm_teacher_input,
    "tinymim_given_scores": _tinymim_scores,
    "tinymim_": _tinymim,
    "vitkd_": _vitkd,
    "vkd_detection_": _vkd_detection,
    "vkd_": _vkd,
}
"""How a file is compared, by how its name begins; of several that fit, the longest."""
