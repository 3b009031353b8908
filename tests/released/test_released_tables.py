"""Tables of layers, ranks and patterns: columns are found by header, faults are named by file and line."""

import pytest

from suite.errors import SuiteError
from suite.evidence.released import read_layer_table, read_pattern_table, read_rank_table

LAYERS = """Model/Epoch,Layer_1,Layer_2,Layer_3
checkpoint_epoch_30,2.5,1.5,3.5
model_best,2.25,1.25,3.25
"""
RANKS = """| Train Method | Model | Dims | SVD 80% | SVD 95% | Dataset 80% | Dataset 95% |
|:--|:--|--:|--:|--:|--:|--:|
| SL | CaiT-S24 | 384 | 14 | 61 | 167 | 302 |
| SSL | ViT-Base (MAE) | 768 | 1 | 34 | 1 | 235 |
"""
PATTERNS = """Model,Dimension (D),Num Tokens,d/D @ 50%,d @ 50%,d/D @ 90%,d @ 90%
CaiT-S24,384,196000,0.500000,192,0.901042,346
"ViT-Base (CLIP, OpenAI)",768,196000,0.500000,384,0.901042,692
"""


def write(tmp_path, text):
    path = tmp_path / "Tables" / "table.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_layer_table_gives_profiles_with_their_lines(tmp_path):
    table = read_layer_table(write(tmp_path, LAYERS))
    assert table.profile("model_best").tolist() == [2.25, 1.25, 3.25]
    assert str(table.figure("checkpoint_epoch_30", 2)) == "1.5 (Tables/table.txt:2)"
    with pytest.raises(SuiteError, match="no checkpoint 'checkpoint_epoch_60'; there are checkpoint_epoch_30"):
        table.profile("checkpoint_epoch_60")
    with pytest.raises(SuiteError, match="no layer 4 of 3"):
        table.figure("model_best", 4)


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("1.25", "nan", "line 3: Layer_2 is nan"),
        ("1.25", "", "line 3: Layer_2 is '', not a number"),
        (",1.25", "", "line 3: 3 cells where 4 belong"),
        (",3.25\n", "", "line 3: 3 cells where 4 belong; is the file truncated"),
        ("model_best", "checkpoint_epoch_30", "line 3: checkpoint 'checkpoint_epoch_30' stands there a second time"),
        ("Layer_2", "Layer_4", "line 1: columns must be a name and Layer_1, Layer_2"),
        (",Layer_3", "", "line 1: 2 layers are too few"),
        ("model_best", '"model_best', "line 3: not a row of comma-separated values"),
        ("model_best", "\nmodel_best", "line 3: a blank line"),
    ],
)
def test_an_odd_layer_table_is_named(tmp_path, old, new, wrong):
    assert old in LAYERS
    with pytest.raises(SuiteError, match=wrong):
        read_layer_table(write(tmp_path, LAYERS.replace(old, new)))


def test_a_header_alone_is_no_table(tmp_path):
    with pytest.raises(SuiteError, match="line 1: a header without rows"):
        read_layer_table(write(tmp_path, LAYERS.splitlines()[0] + "\n"))
    with pytest.raises(SuiteError, match="line 1: a header without rows"):
        read_pattern_table(write(tmp_path, PATTERNS.splitlines()[0] + "\n"))


def test_a_rank_table_is_read_by_its_headers(tmp_path):
    row = read_rank_table(write(tmp_path, RANKS)).row("CaiT-S24")
    assert (row.channels, row.own, row.shared) == (384, {80: 14, 95: 61}, {80: 167, 95: 302})
    assert str(row.source) == "Tables/table.txt:3"


def test_the_order_of_columns_does_not_matter(tmp_path):
    lines = [line.strip("|").split("|") for line in RANKS.splitlines()]
    turned = "\n".join("|" + "|".join(cells[::-1]) + "|" for cells in lines)
    straight = read_rank_table(write(tmp_path, RANKS))
    assert read_rank_table(write(tmp_path, turned)).rows == straight.rows


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("| 302 |", "| 302", "line 3: not a row of a Markdown table; is the file truncated"),
        ("| 167 | 302 |", "| 302 |", "line 3: 6 cells where 7 belong"),
        ("| 61 |", "| 6l |", "line 3: SVD 95% is '6l', not a number"),
        ("| 61 |", "| 61.5 |", "line 3: SVD 95% is '61.5', not a count"),
        ("| 61 |", "| 9 |", "line 3: CaiT-S24: dimensions fall as the share rises"),
        ("| 61 |", "| 303 |", "line 3: CaiT-S24: at 95 % fewer dimensions shared than per image"),
        ("| 302 |", "| 385 |", "line 3: CaiT-S24: more dimensions than its 384 channels"),
        ("ViT-Base (MAE)", "CaiT-S24", "line 4: 'CaiT-S24' stands there a second time"),
        ("Dataset 95%", "Dataset 99%", "line 1: no columns 'SVD p%' and 'Dataset p%' for the same p"),
        ("SVD 95%", "SVD 80%", "line 1: two columns for 80 %"),
        ("| Model |", "| Net |", "line 1: 0 columns 'Model' where one belongs"),
        ("| Dims |", "| Width |", "line 1: 0 columns 'Dims' where one belongs"),
        ("|:--|:--|", "|:--|x|", "line 2: not a Markdown table"),
    ],
)
def test_an_odd_rank_table_is_named(tmp_path, old, new, wrong):
    assert old in RANKS
    with pytest.raises(SuiteError, match=wrong):
        read_rank_table(write(tmp_path, RANKS.replace(old, new, 1)))


def test_a_pattern_table_is_read_by_its_headers(tmp_path):
    table = read_pattern_table(write(tmp_path, PATTERNS))
    row = table.rows["ViT-Base (CLIP, OpenAI)"]
    assert (row.channels, row.tokens, row.fractions) == (768, 196000, {50: 0.5, 90: 0.901042})
    assert str(row.source) == "Tables/table.txt:3"


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("0.500000,192", "0.510000,192", "line 2: CaiT-S24: 192 of 384 is not 0.51"),
        ("0.901042,346\n", "0.901042\n", "line 2: 6 cells where 7 belong"),
        ("196000,0.500000,192", "many,0.500000,192", "line 2: Num Tokens is 'many', not a number"),
        ("d/D @ 50%,d @ 50%,", "", "line 2: 7 cells where 5 belong"),
        ("Num Tokens", "N", "line 1: 0 columns like"),
        ("d/D @", "x @", "line 1: no column 'd/D @ p%'"),
        ("d @ 50%", "Model", "line 1: two columns share a header"),
        ('"ViT-Base (CLIP, OpenAI)"', "CaiT-S24", "line 3: 'CaiT-S24' stands there a second time"),
    ],
)
def test_an_odd_pattern_table_is_named(tmp_path, old, new, wrong):
    assert old in PATTERNS
    with pytest.raises(SuiteError, match=wrong):
        read_pattern_table(write(tmp_path, PATTERNS.replace(old, new)))


def test_a_fraction_outside_its_range_is_named(tmp_path):
    text = "Model,Dimension (D),Num Tokens,d/D @ 50%\nCaiT-S24,384,196000,1.5\n"
    with pytest.raises(SuiteError, match="line 2: CaiT-S24: a fraction of all frequencies"):
        read_pattern_table(write(tmp_path, text))
