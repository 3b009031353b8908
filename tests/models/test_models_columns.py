"""A head's outputs and the images' classes: matched by name, in an order that is known or asked for."""

import pytest

from suite.data.listing import synsets
from suite.errors import SuiteError
from suite.models.columns import columns_of


def test_synsets_are_matched_by_name_in_any_number_and_order():
    names = list(synsets())
    assert columns_of(names, outputs=1000, network="cait") is None
    assert columns_of([names[7], names[3]], outputs=1000, network="cait") == [7, 3]
    assert columns_of(names[::-1], outputs=1000, network="cait") == list(range(999, -1, -1))


def test_a_thousand_folders_of_other_names_are_asked_for_their_order():
    """Folders 1 ... 1000 are in the order of ImageNet's development kit, which is not that of its heads."""
    numbers = [str(number) for number in range(1, 1001)]
    with pytest.raises(SuiteError, match=r'these class folders \(1, 2, \.\.\.\) .* say classes_order = "head" in'):
        columns_of(numbers, outputs=1000, network="cait")
    assert columns_of(numbers, outputs=1000, network="cait", order="head") is None


def test_a_network_that_was_trained_on_these_images_has_their_order():
    assert (
        columns_of([str(number) for number in range(1000)], outputs=1000, network="own", trained_on_them=True) is None
    )
    assert columns_of(["ant", "bee"], outputs=2, network="own") is None


@pytest.mark.parametrize(("classes", "outputs"), [(["ant"], 1000), (["ant"], 2)])
def test_other_classes_are_refused(classes, outputs):
    with pytest.raises(SuiteError, match=f"cait tells {outputs} classes apart and the images have 1"):
        columns_of(classes, outputs=outputs, network="cait")
