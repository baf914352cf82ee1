"""Superpixels and maps: which pixels a cell is, and in what steps s grows."""

import pytest
import torch

from lib.explainers.cells import cell_steps, expand_grid, squares
from lib.explainers.gradcam import GradCAM


def test_cells_expand_to_the_squares_they_cover():
    values = torch.arange(6.0)
    expected = torch.kron(values.reshape(2, 3), torch.ones(2, 4))
    assert torch.equal(expand_grid(values, (2, 3), (4, 12)), expected.flatten())
    D = 16
    index = torch.tensor(squares(8, 8, 2))
    assert torch.equal(torch.arange(D)[index], expand_grid(torch.arange(D), (4, 4), (8, 8)))
    assert GradCAM().expand(torch.rand(2, 3, 64), torch.Size((3, 32, 32))).shape == (2, 3, 1024)
    for wrong in (lambda: squares(32, 32, 5), lambda: expand_grid(values, (2, 3), (4, 10))):
        with pytest.raises(ValueError, match="divide"):
            wrong()


def test_steps_are_the_papers_pixels():
    """CIFAR-10: s grows by 64 pixels, four superpixels; STL-10: by 64 pixels of superpixels of 144."""
    assert cell_steps(64, 1024, 0.5) == [4, 8, 12, 16, 20, 24, 28, 32]
    assert cell_steps(64, 1024, 0.3) == [4, 8, 12, 16]
    stl = cell_steps(64, 9216, 0.5)
    assert stl[:5] == [1, 1, 2, 2, 3]
    assert stl[-1] == 32
    assert len(stl) == 72
    assert GradCAM().steps(torch.Size((3, 32, 32)), 0.3) == list(range(1, 20))
