"""What an explainer is if it says nothing else: its cells are the features or pixels, it draws nothing."""

import pytest
import torch

from lib import masks
from lib.explainers.base import FEATURES, Explainer

SHAPES = {torch.Size([7]): 7, torch.Size([3, 4, 5]): 20}


@pytest.mark.parametrize("shape", SHAPES)
def test_cells_are_the_features_of_a_vector_or_the_pixels_of_an_image(shape):
    D = SHAPES[shape]
    assert FEATURES.cells(shape) == D
    values = torch.rand(2, D)
    assert torch.equal(FEATURES.expand(values, shape), values)
    assert FEATURES.steps(shape, 0.5) == masks.steps(D, 0.5)
    assert FEATURES.draw(shape, torch.Generator(), rows=2) == {}
    assert FEATURES.inputs(shape) == 1
    assert FEATURES.trainable


def test_drawing_nothing_leaves_the_generator_as_it_was():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    FEATURES.draw(torch.Size([7]), generator)
    assert torch.equal(generator.get_state(), before)


def test_an_explainer_has_its_classs_name_and_must_explain():
    class Mine(Explainer):
        pass

    assert Mine().name == "Mine"
    with pytest.raises(NotImplementedError):
        Mine().explain(None, torch.zeros(1, 7), torch.zeros(1))
