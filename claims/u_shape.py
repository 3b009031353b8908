"""Vision Transformers compress information and then expand it: a U over depth.

Printed in SpectralKD (Fig. 3a, channel-spectrum intensity of CaiT-S24) and Distillation Dynamics (entropy,
activation magnitude and channel spectrum of CaiT-S24; entropy of a plain ViT; a ResNet for contrast). No
number is printed but the turning point, layer 9 of 24.

A U has two branches: values must fall to a turning point and rise again. The depth of a U is the smaller of the two,
of two straight lines fitted to the profile; a minimum that a zigzag passes has none. Entropy is put in doublings of
scale by the slope of its histogram at the width measured (half a bit a doubling at 48 channels, .92 at 384).

Cost: 24 small trainings and 48 measuring passes at ``desk``, about three minutes on two cores.
Expect: the three views are one view, the layer's scale; what is left when scale is taken out is small.
Command: ``nox -s claims -- -k u_shape``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import spearmanr

from claims._planted import noise, of_compression, of_low_pass_u, of_scale_u, reordered, rescaled
from claims.papers import DISTILLATION_DYNAMICS, SPECTRAL_KD
from suite.claim import Claim, Control, Criterion, Deviation, PerSeed, Published, Quantity, Role, block_rng
from suite.judge import Region
from suite.measure.depth import branches, doublings, minimum_position
from suite.studies.cells import representation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from suite.evidence.cell import Result


# No size of the U is printed. Ten per cent of scale between the bottom and the lower end is the smallest that one
# would still draw as a U: log2(1.1) doublings. Planted are effects about half as large again.
SMALLEST_U = float(np.log2(1.1))
WHY_SMALLEST_U = "no size is printed; both ends at least 10 % above the bottom, log2(1.1) = 0.14 doublings"
PLANTED = 0.2

PROBES = ("magnitude", "entropy", "entropy_standardised", "spectrum", "permuted_spectrum")
CAIT, CAIT_UNTRAINED = (representation("cait", trained=trained, probes=PROBES) for trained in (True, False))
DEIT, DEIT_UNTRAINED = (representation("deit", trained=trained, probes=PROBES) for trained in (True, False))
RESNET, RESNET_UNTRAINED = (representation("resnet", trained=trained, probes=PROBES) for trained in (True, False))


def _mean(name: str, result: Result) -> np.ndarray:
    """Mean over images of a per-layer, per-image array: [L]."""
    return np.asarray(np.mean(result.arrays[name], axis=1, dtype=np.float64))


def _depth(profile: np.ndarray) -> float:
    """How far both branches go: the smaller of fall and rise, in the unit of the profile."""
    return branches(profile).depth


def _slope(result: Result) -> float:
    """Bits that a doubling of scale gives at the network's width."""
    from suite.measure.entropy_slope import entropy_slope

    return entropy_slope(int(np.median(result.arrays["channels"])))


def _in_doublings(profile: Callable[[Result], np.ndarray]) -> Callable[[Result], float]:
    """Depth of an entropy's U, in the doublings of scale that would give it."""
    return lambda result: _depth(profile(result)) / _slope(result)


def _saved(name: str) -> Callable[[Result], np.ndarray]:
    return lambda result: _mean(name, result)


def _bits(name: str) -> Callable[[Result], float]:
    return lambda result: _depth(_mean(name, result))


def _ratio(profile: Callable[[Result], np.ndarray]) -> Callable[[Result], float]:
    """Depth of the U of a positive quantity, in doublings."""
    return lambda result: _depth(np.asarray(doublings(profile(result))))


def _entropies(layers: Sequence[Tensor]) -> np.ndarray:
    """Entropy in one range for all layers, ``[L]`` bits."""
    from suite.measure.entropy import global_range, token_entropy

    low, high = global_range(layers)
    return np.array([float(token_entropy(layer, low, high).mean()) for layer in layers])


def _entropies_own_range(layers: Sequence[Tensor]) -> np.ndarray:
    from suite.measure.entropy import token_entropy

    return np.array([float(token_entropy(layer, float(layer.min()), float(layer.max())).mean()) for layer in layers])


def _entropies_standardised(layers: Sequence[Tensor]) -> np.ndarray:
    from suite.measure.entropy import standardised_entropy

    return np.array([float(standardised_entropy(layer).mean()) for layer in layers])


def _flatness(layers: Sequence[Tensor]) -> np.ndarray:
    from suite.measure.spectrum import channel_spectrum

    return np.array([float(channel_spectrum(layer).flatness().mean()) for layer in layers])


def _planted(
    sentence: str, value: Callable[[Result], float], family: object = None, key: str = "planted", **options: object
) -> Control:
    """A case in which the finding holds by construction."""
    return Control(key, sentence, PerSeed((family or CAIT,), value, **options))  # type: ignore[arg-type]


def _last(name: str, result: Result) -> float:
    return float(_mean(name, result)[-1])


def _rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(spearmanr(x, y).statistic)


def _turning_point(result: Result) -> float:
    return minimum_position(_mean("entropy_global", result))


def _one_layer(result: Result) -> float:
    """The step of a relative depth."""
    return 1.0 / (len(result.arrays["channels"]) - 1)


def _one_swap(result: Result) -> float:
    """The smallest change of a rank correlation: two neighbouring layers trade ranks."""
    layers = len(result.arrays["channels"])
    return 12.0 / (layers**3 - layers)


def _entropy_against_scale(result: Result) -> float:
    return _rank_correlation(_mean("entropy_global", result), _mean("magnitude", result))


def _gaussian_twin(result: Result) -> float:
    """The same correlation for Gaussian noise with each layer's scale: entropy can only follow scale there."""
    layers = [
        float(scale) * layer
        for scale, layer in zip(_mean("scale", result), noise(result, "gaussian twin"), strict=True)
    ]
    magnitude = np.array([float(layer.abs().mean()) for layer in layers])
    return _rank_correlation(_entropies(layers), magnitude)


def _separate_views(result: Result) -> float:
    """The same correlation with the layers of one view in another order: two views that share nothing."""
    return _rank_correlation(
        _mean("entropy_global", result), block_rng(result, 1).permutation(_mean("magnitude", result))
    )


def _last_noise(result: Result) -> Tensor:
    return noise(result, "last layer")[-1]


def _rectified_dc(resnet: Result, cait: Result) -> float:
    """Share of energy at DC of rectified noise, less that of noise: all that a ReLU does."""
    from suite.measure.spectrum import channel_spectrum

    dc = [float(channel_spectrum(layer).dc_share().mean()) for layer in (_last_noise(resnet).abs(), _last_noise(cait))]
    return dc[0] - dc[1]


def _smooth_relabelled(resnet: Result, cait: Result) -> float:
    """Low-pass share of noise smoothed over neighbouring channels that were then put in another order, less noise's."""
    from suite.measure.planted import autoregressive
    from suite.measure.spectrum import channel_spectrum

    smooth = reordered(resnet, autoregressive(_last_noise(resnet), 0.5))
    low = [float(channel_spectrum(layer).low_pass_share().mean()) for layer in (smooth, _last_noise(cait))]
    return low[0] - low[1]


def _untrained(value: Callable[[Result], float], family: object = CAIT_UNTRAINED) -> Control:
    return Control(
        "untrained",
        "the same architecture before any training has learned no encoding",
        PerSeed((family,), value),  # type: ignore[arg-type]
    )


def _figure(where: str, text: str = "figure only") -> Published:
    return Published(DISTILLATION_DYNAMICS, where, text=text)


ENTROPY = Quantity("depth of the entropy's U over layers, in doublings of scale", "doublings", "a deeper U")
ENTROPY_BITS = Quantity("depth of the entropy's U over layers", "bits", "a deeper U")
WHY_BITS = "no size is printed; what both ends 10 % above the bottom would give in wide layers, 0.14 bits"
COMPRESSED = "noise squeezed through an eighth of the dimensions at layer 9 of 24 and expanded again"


CLAIM = Claim(
    key="u_shape",
    finding="u_shape",
    sentence="Vision Transformers process information in a U shape: compressed in early, expanded in late layers.",
    papers=(DISTILLATION_DYNAMICS, SPECTRAL_KD),
    where="Distillation Dynamics, sections on entropy, magnitude and spectrum; SpectralKD Fig. 3a",
    notes=(
        "As published, entropy uses one histogram range over all layers, so it is log2 of the layer's scale; "
        "channel-FFT intensity and mean |activation| are the same number again. Every criterion therefore has "
        "a scale-free twin."
    ),
    deviations=(
        Deviation(
            "images measured",
            "one batch of 32 validation images of one class, its extremes as histogram range",
            "all held-out images; the range comes from the first batch of 32 and later values are clipped to it",
        ),
    ),
    criteria=(
        Criterion(
            key="entropy",
            sentence="The entropy of channel values, in one histogram range for all layers, is U-shaped over depth.",
            quantity=ENTROPY,
            region=Region.at_least(SMALLEST_U),
            because=WHY_SMALLEST_U,
            evidence=PerSeed((CAIT,), _in_doublings(_saved("entropy_global"))),
            positive_controls=(
                _planted(
                    "noise whose scale makes a U of 20 %, bottom at layer 9 of 24",
                    _in_doublings(of_scale_u(_entropies, PLANTED)),
                ),
            ),
            negative_controls=(_untrained(_in_doublings(_saved("entropy_global"))),),
            published=(_figure("entropy over layers, CaiT-S24", "falls over layers 1-9, rises over 9-24"),),
            figure="depth:entropy_global",
        ),
        Criterion(
            key="entropy_own_range",
            sentence="The entropy of channel values stays U-shaped when every layer has its own histogram range.",
            role=Role.PROBE,
            quantity=ENTROPY_BITS,
            region=Region.at_least(SMALLEST_U),
            because=WHY_BITS,
            evidence=PerSeed((CAIT,), _bits("entropy_layer")),
            positive_controls=(
                _planted(COMPRESSED, lambda result: _depth(of_compression(_entropies_own_range)(result))),
            ),
            negative_controls=(_untrained(_bits("entropy_layer")),),
            published=(_figure("entropy over layers, CaiT-S24", "not examined"),),
            figure="depth:entropy_layer",
        ),
        Criterion(
            key="entropy_standardised",
            sentence="The entropy stays U-shaped when every token is standardised first, so that no scale is left.",
            role=Role.PROBE,
            quantity=ENTROPY_BITS,
            region=Region.at_least(SMALLEST_U),
            because=WHY_BITS,
            evidence=PerSeed((CAIT,), _bits("entropy_standardised")),
            positive_controls=(
                _planted(COMPRESSED, lambda result: _depth(of_compression(_entropies_standardised)(result))),
            ),
            negative_controls=(_untrained(_bits("entropy_standardised")),),
            published=(_figure("entropy over layers, CaiT-S24", "not examined"),),
            figure="depth:entropy_standardised",
        ),
        Criterion(
            key="turning_point",
            sentence="The entropy is smallest at about layer 9 of 24.",
            quantity=Quantity("relative depth of the entropy's minimum (0 first, 1 last layer)", "", "later minimum"),
            region=Region.around((9 - 1) / (24 - 1), 3 / (24 - 1)),
            because="layer 9 of 24 is printed; three layers either way is how exactly a figure can be read",
            evidence=PerSeed((CAIT,), _turning_point, resolution=_one_layer),
            positive_controls=(
                _planted(
                    "noise whose scale makes a U of 20 %, bottom at layer 9 of 24",
                    lambda result: minimum_position(of_scale_u(_entropies, PLANTED)(result)),
                    resolution=_one_layer,
                ),
            ),
            negative_controls=(
                Control(
                    "untrained",
                    "the same architecture before any training has learned no encoding",
                    PerSeed((CAIT_UNTRAINED,), _turning_point, resolution=_one_layer),
                ),
            ),
            published=(_figure("text on CaiT-S24", "layer 9 of 24"),),
            figure="depth:entropy_global",
        ),
        Criterion(
            key="magnitude",
            sentence="The mean absolute activation is U-shaped over depth.",
            quantity=Quantity("depth of the U of mean |activation|", "doublings", "a deeper U"),
            region=Region.at_least(SMALLEST_U),
            because=WHY_SMALLEST_U,
            evidence=PerSeed((CAIT,), _ratio(_saved("magnitude"))),
            positive_controls=(
                _planted(
                    "the network's own layers rescaled to a U of 20 %, bottom at layer 9 of 24",
                    _ratio(rescaled("magnitude", PLANTED)),
                ),
            ),
            negative_controls=(_untrained(_ratio(_saved("magnitude"))),),
            published=(_figure("activation magnitude, CaiT-S24"),),
            figure="depth:magnitude",
        ),
        Criterion(
            key="intensity",
            sentence="The intensity of the channel spectrum is U-shaped over depth.",
            quantity=Quantity("depth of the U of mean |FFT over channels| / C", "doublings", "a deeper U"),
            region=Region.at_least(SMALLEST_U),
            because=WHY_SMALLEST_U,
            evidence=PerSeed((CAIT,), _ratio(_saved("intensity"))),
            positive_controls=(
                _planted(
                    "the network's own layers rescaled to a U of 20 %, bottom at layer 9 of 24",
                    _ratio(rescaled("intensity", PLANTED)),
                ),
            ),
            negative_controls=(_untrained(_ratio(_saved("intensity"))),),
            published=(Published(SPECTRAL_KD, "Fig. 3a", text="figure only"),),
            figure="depth:intensity",
        ),
        Criterion(
            key="independent_views",
            sentence="Entropy, magnitude and spectrum are separate views that confirm one another.",
            quantity=Quantity(
                "rank correlation over layers of entropy with mean |activation|", "", "one view, not two"
            ),
            region=Region.between(-0.8, 0.8),
            because="two views whose layer ranks agree beyond 0.8 share most of their information: one view",
            evidence=PerSeed((CAIT,), _entropy_against_scale, resolution=_one_swap),
            positive_controls=(
                _planted(
                    "the network's entropies beside its magnitudes with layers in random order: separate views",
                    _separate_views,
                    resolution=_one_swap,
                ),
            ),
            negative_controls=(
                Control(
                    "gaussian_twin",
                    "Gaussian noise with each layer's scale: there entropy is a function of scale",
                    PerSeed((CAIT,), _gaussian_twin, resolution=_one_swap),
                ),
            ),
            published=(_figure("the three analyses", "three probes agree"),),
            figure="scatter:magnitude:entropy_global",
        ),
        Criterion(
            key="spectrum_phases",
            sentence="The channel spectrum is flat in early layers, low-pass in the middle, flat again in late ones.",
            quantity=Quantity("depth of the U of spectral flatness, bins 1 and up", "doublings", "a deeper U"),
            region=Region.at_least(SMALLEST_U),
            because=WHY_SMALLEST_U,
            evidence=PerSeed((CAIT,), _ratio(_saved("flatness"))),
            positive_controls=(
                _planted(
                    "noise with neighbouring channels alike in the middle layers (correlation 0.5) and not at the ends",
                    _ratio(of_low_pass_u(_flatness, again=False)),
                ),
                _planted(
                    "the same network with its channels in another order, which nothing it computes would notice",
                    _ratio(of_low_pass_u(_flatness, again=True)),
                    key="planted_relabelled",
                ),
            ),
            negative_controls=(
                _untrained(_ratio(_saved("flatness"))),
                Control(
                    "permuted_channels",
                    "the order of channels is arbitrary: shuffled once, no phase can depend on it",
                    PerSeed((CAIT,), _ratio(_saved("flatness_permuted"))),
                ),
            ),
            published=(_figure("channel spectra, CaiT-S24", "flat, low-pass, flat and stronger"),),
            figure="depth:flatness",
        ),
        Criterion(
            key="plain_vit",
            sentence="A plain ViT's entropy is U-shaped over depth as well.",
            quantity=ENTROPY,
            region=Region.at_least(SMALLEST_U),
            because=WHY_SMALLEST_U,
            evidence=PerSeed((DEIT,), _in_doublings(_saved("entropy_global"))),
            positive_controls=(
                _planted(
                    "noise as wide as the ViT whose scale makes a U of 20 %",
                    _in_doublings(of_scale_u(_entropies, PLANTED)),
                    DEIT,
                ),
            ),
            negative_controls=(_untrained(_in_doublings(_saved("entropy_global")), DEIT_UNTRAINED),),
            published=(_figure("entropy over layers, standard ViT"),),
            figure="depth:entropy_global",
        ),
        Criterion(
            key="resnet_low_pass",
            sentence="A ResNet's last stage stays low-pass while the ViT's last layer does not (DC included).",
            quantity=Quantity(
                "share of spectral energy at DC, ResNet's last stage - CaiT's last layer", "", "ResNet lower-pass"
            ),
            region=Region.at_least(0.1),
            because="no number is printed; a tenth of all energy is the smallest difference one would see in a figure",
            evidence=PerSeed((RESNET, CAIT), lambda resnet, cait: _last("dc_share", resnet) - _last("dc_share", cait)),
            positive_controls=(
                Control(
                    "rectified_noise", "noise without its signs, beside noise", PerSeed((RESNET, CAIT), _rectified_dc)
                ),
            ),
            negative_controls=(
                Control(
                    "untrained",
                    "both architectures before training: the ReLU alone puts energy at DC",
                    PerSeed(
                        (RESNET_UNTRAINED, CAIT_UNTRAINED),
                        lambda resnet, cait: _last("dc_share", resnet) - _last("dc_share", cait),
                    ),
                ),
            ),
            published=(_figure("channel spectra, ResNet-101"),),
        ),
        Criterion(
            key="resnet_low_pass_beyond_dc",
            sentence="A ResNet's last stage is low-pass beyond DC, too, and the ViT's last layer is not.",
            role=Role.PROBE,
            quantity=Quantity(
                "share of energy in the lowest quarter of bins 1 and up, ResNet's last stage - CaiT's last layer",
                "",
                "ResNet lower-pass",
            ),
            region=Region.at_least(0.05),
            because="white noise has a share of 0.25; a fifth of it is the smallest tilt one would call low-pass",
            evidence=PerSeed((RESNET, CAIT), lambda resnet, cait: _last("low_pass", resnet) - _last("low_pass", cait)),
            positive_controls=(
                Control(
                    "smooth_relabelled",
                    "noise smoothed over channels (correlation 0.5), which were then put in another order",
                    PerSeed((RESNET, CAIT), _smooth_relabelled),
                ),
            ),
            negative_controls=(
                Control(
                    "permuted_channels",
                    "the order of channels is arbitrary: shuffled once, no low-pass can depend on it",
                    PerSeed(
                        (RESNET, CAIT),
                        lambda resnet, cait: _last("low_pass_permuted", resnet) - _last("low_pass_permuted", cait),
                    ),
                ),
            ),
            published=(_figure("channel spectra, ResNet-101"),),
        ),
    ),
)
