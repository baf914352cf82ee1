"""The drawing of the architecture."""

import itertools

from lib.study import figures
from tests.study.figures.drawn import inside, texts


def test_the_architecture_shows_every_part_and_no_words_collide():
    fig = figures.architecture()
    words = {t.get_text() for t in texts(fig)}
    assert {"$x$", "$x_n$", "$f$", "$f(x)$", "$f(x_n)$", "$k$", "$W$", "$A$", "$g(x)$", "$h(x)$"} <= words
    assert any("gates" in w for w in words)
    boxes = inside(fig)
    for (a, one), (b, other) in itertools.combinations(boxes.items(), 2):
        assert not one.overlaps(other), (a, b)
