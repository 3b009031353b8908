"""The papers whose findings are judged, at the versions that were read."""

from suite.claim import Paper

SPECTRAL_KD = Paper(
    key="spectralkd",
    title="SpectralKD: A Unified Framework for Interpreting and Distilling Vision Transformers via Spectral Analysis",
    arxiv="2412.19055",
    version="v3",
    repository="https://github.com/thy960112/SpectralKD",
)

DISTILLATION_DYNAMICS = Paper(
    key="dynamics",
    title="Distillation Dynamics: Towards Understanding Feature-Based Distillation in Vision Transformers",
    arxiv="2511.06848",
    version="v2",
    repository="https://github.com/thy960112/Distillation-Dynamics",
)

ENCODING_MISMATCH = Paper(
    key="encoding",
    title="From Per-Image Low-Rank to Encoding Mismatch",
    arxiv="2511.15572",
    version="v3",
    repository="https://github.com/thy960112/From-Per-Image-Low-Rank-to-Encoding-Mismatch",
)

MULTI_DEPTH = Paper(
    key="mdbn",
    title="Multi-Depth Branch Network for Efficient Image Super-Resolution",
    arxiv="2309.17334",
    version="v2",
    repository="https://github.com/thy960112/MDBN",
)
