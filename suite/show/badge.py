"""A badge: how many findings were asked, and how their asserted criteria came out, as one small picture."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from suite.judge import Role, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from suite.assess import Assessment

_SAID = (Verdict.REPRODUCED, Verdict.SEEN_HERE, Verdict.CONSISTENT, Verdict.CONTRADICTED, Verdict.NOT_SEEN_HERE)
_PER_LETTER, _PADDING, _HEIGHT = 6.4, 10, 20  # pixels at this size of letters
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" aria-label="{text}">
<title>{text}</title>
<rect width="{width}" height="{height}" rx="3" fill="#12456f"/>
<rect width="{left}" height="{height}" rx="3" fill="#3b3f45"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{at}" y="14" textLength="{first}">{title}</text>
<text x="{then}" y="14" textLength="{second}">{words}</text>
</g>
</svg>
"""


def words(assessments: Iterable[Assessment]) -> tuple[str, str]:
    """``("9 findings", "4 consistent, 2 contradicted, 7 open")``.

    Only what papers assert is counted: at published scope where anything was judged there, else at the scale that was.
    """
    asserted = [one for one in assessments if one.criterion.role is Role.ASSERTED]
    published = [one for one in asserted if one.profile.scope == "published"]
    counted = published or asserted
    counts = Counter(one.verdict for one in counted)
    told = [f"{counts[word]} {word}" for word in _SAID if counts[word]]
    left = sum(counts.values()) - sum(counts[word] for word in _SAID)
    told += [f"{left} open"] if left else []
    findings = len({one.claim.finding for one in counted})
    return f"{findings} finding{'' if findings == 1 else 's'}", ", ".join(told) or "nothing judged"


def svg(assessments: Iterable[Assessment]) -> str:
    """The badge; it needs no server, no font and no script."""
    title, said = words(assessments)
    first, second = (round(_PER_LETTER * len(part)) for part in (title, said))
    left = first + 2 * _PADDING
    return _SVG.format(
        width=left + second + 2 * _PADDING,
        height=_HEIGHT,
        left=left,
        at=_PADDING,
        then=left + _PADDING,
        first=first,
        second=second,
        title=escape(title),
        words=escape(said),
        text=escape(f"{title}: {said}", quote=True),
    )
