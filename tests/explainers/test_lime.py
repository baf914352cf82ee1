"""LIME's kernel, against plain Python and captum."""

import math

import captum.attr
import pytest
import torch

from lib import explainers
from lib.explainers import LIME
from tests.explainers.toy import all_masks


@pytest.mark.parametrize("kind", ["L2", "cosine"])
def test_limes_kernel_in_plain_python(kind):
    """exp(-d^2 / (2 width^2)), d the distance from all ones: |1 - z| / sqrt(D), or 1 - cos (ID-12)."""
    Z = all_masks(5)
    for width in (0.25, 0.75):
        for z, k in zip(Z.tolist(), explainers.lime_kernel(Z, kind, width).tolist()):
            n = sum(z)
            d = math.dist(z, [1] * 5) / math.sqrt(5) if kind == "L2" else 1 - n / (math.sqrt(5) * math.sqrt(n or 1))
            assert k == pytest.approx(math.exp(-(d**2) / (2 * width**2)))


@pytest.mark.parametrize(("kind", "name"), [("L2", "euclidean"), ("cosine", "cosine")])
def test_limes_kernel_is_captums(kind, name):
    """Captum measures from the input itself: all ones, on a background of zeros; L2 without the 1/sqrt(D) (ID-12)."""
    Z, width = all_masks(6), 0.5
    theirs = captum.attr._core.lime.get_exp_kernel_similarity_function(name, width * (6**0.5 if kind == "L2" else 1))
    expected = [theirs(torch.ones(1, 6).double(), z[None], z[None]) for z in Z]
    assert explainers.lime_kernel(Z, kind, width).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("options", [{}, {"kernel": "cosine"}, {"width": 0.3}, {"kernel": "cosine", "width": 0.3}])
def test_masks_are_weighted_by_the_kernel_that_the_options_name(options):
    Z, known = all_masks(5), {"kernel": "L2", "width": 0.75} | options
    assert torch.equal(LIME(**options).weights(Z), explainers.lime_kernel(Z, known["kernel"], known["width"]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda Z: explainers.lime_kernel(Z, width=0), "width must be positive, got 0"),
        (lambda Z: explainers.lime_kernel(Z, width=math.nan), "width must be positive, got nan"),
        (lambda Z: explainers.lime_kernel(Z, "L1"), "kind must be one of L2, cosine, got 'L1'"),
        (lambda Z: explainers.lime_kernel(2 * Z), "Z must be masks of zeros and ones"),
        (lambda Z: LIME(kernel="L1"), "kernel must be one of L2, cosine, got 'L1'"),
        (lambda Z: LIME(width=0), "width must be a finite number above 0, got 0"),
    ],
)
def test_what_is_no_kernel_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(all_masks(3))
