"""Both papers in pictures: FE's two models on one network, ID beside it, and a step of ID forwards and backwards."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.study.figures.colours import PAPER
from lib.study.figures.drawing import BLUE, SAND, arrow, box, sheet
from lib.study.figures.style import INK, METHODS

DIRECT, THROUGH = "#d55e00", "#0072b2"  # the two paths of ID's gradient
FORWARDS = "#888888"


def architecture() -> Figure:
    """The prediction model g and the explanation model h share the network f; gates decide which examples h may use."""
    fig, ax = sheet((0.2, 9.9), (0.2, 6.8), height=4.4)
    ours, joint = METHODS["Ours"].color, METHODS["Joint"].color
    low, high = 1.3, 4.8

    box(ax, (0.9, low), "$x$", width=1.1)
    for shift in (0.3, 0.15, 0):
        box(ax, (0.9 + shift, high + shift), "" if shift else "$x_n$", width=1.1)
    box(ax, (2.75, (low + high) / 2), "$f$", width=0.9, fill=BLUE, height=high - low + 1)
    box(ax, (4.45, low), "$f(x)$", width=1.15, fill=BLUE)
    box(ax, (4.45, high), "$f(x_n)$", width=1.15, fill=BLUE)
    box(ax, (5.85, high), "$k$", width=0.6, height=0.6)
    box(ax, (7.2, low), "$W$", width=1.3, fill=SAND)
    box(ax, (7.2, high), "$A$", width=1.3, fill=SAND)
    box(ax, (9.1, low), "$g(x)$", width=1.15, edge=ours)
    box(ax, (9.1, high), "$h(x)$", width=1.15, edge=joint)
    across = {low: [(1.45, 2.3), (3.2, 3.87), (5.03, 6.55), (7.85, 8.52)]}
    across[high] = [(1.75, 2.3), (3.2, 3.87), (5.03, 5.55), (6.15, 6.55), (7.85, 8.52)]
    for y, arrows in across.items():
        for start, end in arrows:
            arrow(ax, (start, y), (end, y))
    arrow(ax, (4.75, low + 0.45), (5.75, high - 0.3))
    arrow(ax, (9.1, low + 0.5), (9.1, high - 0.5), style="<|-|>", color=joint)
    _gates(ax, 7.2, high + 0.55)
    ax.text(7.2, high + 1.1, "gates, most shut", ha="center", va="center", fontsize=11)

    small = {"fontsize": 11, "va": "center"}
    ax.text(5.5, 2.8, "similarity\n$f(x_n)^\\top f(x)$", **small)
    ax.text(8.95, 3.05, "same\nanswer?", ha="right", **small)
    for x, y, name in (
        (0.9, 0.55, "to predict"),
        (1.05, 6.0, "training\nexamples"),
        (2.75, 5.6, "shared"),
        (7.2, 0.55, "last layer"),
        (7.2, 4.05, "influence"),
        (9.1, 0.55, "prediction"),
        (9.1, 5.6, "explanation"),
    ):
        ax.text(x, y, name, ha="center", **small)
    return fig


def both_papers() -> Figure:
    """FE above, ID below, drawn alike: what chooses is in the same colour in both."""
    fig, ax = sheet((0, 10), (0, 5.7), height=3.8)
    small = {"fontsize": 11, "ha": "center", "va": "center"}
    for y, head in ((5.45, "FE: explained by few examples"), (2.45, "ID: explained by few features")):
        ax.text(0.05, y, head, fontsize=11, va="center", fontweight="bold")
    columns = (0.75, 2.85, 5.0, 7.15, 9.2)
    above = ("$x$, $x_n$", "network $f$", "gates $Z$", "$h$ from few\n examples", "says what\n$g$ says?")
    below = ("$x$", "explainer\nasks $f$", "soft masks\n$r$", "$x$ with few\nfeatures", "does $f$\nstill know?")
    under = {
        4.4: ("", "similarities", "of examples", "explanation", "faithfulness"),
        1.4: ("", "contributions $\\phi$", "of features", "masked inputs", "Ins, Del"),
    }
    for y, texts in ((4.4, above), (1.4, below)):
        for at, text, width, fill in zip(columns, texts, (1.3, 1.7, 1.7, 1.7, 1.5), (None, BLUE, SAND, None, None)):
            box(ax, (at, y), text, width=width, height=1.0, size=11, **({"fill": fill} if fill else {}))
        for start, end in ((1.4, 2.0), (3.7, 4.15), (5.85, 6.3), (8.0, 8.45)):
            arrow(ax, (start, y), (end, y))
        for at, text in zip(columns, under[y]):
            ax.text(at, y - 0.78, text, **small)
    return fig


def two_paths() -> Figure:
    """A training step of ID-ExpO: computed forwards in grey, its gradient on two paths back to theta (ID-11)."""
    fig, ax = sheet((0, 10), (0.7, 7.6), height=4.7)
    high, low, mid = 6.0, 1.9, 3.95
    box(ax, (0.8, high), "$x$", width=1.0)
    box(ax, (3.1, high), "explainer", width=2.0, fill=BLUE, size=12)
    box(ax, (5.5, high), "$\\phi$", width=0.9)
    box(ax, (8.1, high), "soft masks\n$r_1, \\ldots, r_S$", width=2.0, height=1.1, fill=SAND, size=12)
    box(ax, (8.1, low), "$x$, $a_s$, $d_s$", width=2.0, size=13)
    box(ax, (5.5, low), "$f$", width=0.9, fill=BLUE)
    box(ax, (3.1, low), "$\\log f(\\cdot)_y$", width=2.0, size=13)
    box(ax, (0.8, low), "loss", width=1.1, size=12)
    box(ax, (4.3, mid), "$\\theta$", width=0.9, fill=BLUE)
    for start, end in (((1.3, high), (2.1, high)), ((4.1, high), (5.05, high)), ((5.95, high), (7.1, high)),
                       ((8.3, high - 0.55), (8.3, low + 0.45)), ((7.1, low), (5.95, low)), ((5.05, low), (4.1, low)),
                       ((2.1, low), (1.35, low)), ((9.6, low), (9.1, low))):  # fmt: skip
        arrow(ax, start, end, color=FORWARDS)
    ax.plot([0.8, 0.8, 9.6, 9.6], [high + 0.45, 7.1, 7.1, low], color=FORWARDS, lw=1.4)
    _path(ax, THROUGH, 0.2, [(1.35, low, 2.1, low), (4.1, low, 5.05, low), (5.95, low, 7.1, low)])
    _path(ax, THROUGH, 0.0, [(7.9, low + 0.45, 7.9, high - 0.55), (3.4, high - 0.45, 4.05, mid + 0.45)])
    _path(ax, THROUGH, -0.25, [(7.1, high, 5.95, high), (5.05, high, 4.1, high)])
    _path(ax, DIRECT, -0.2, [(1.35, low, 2.1, low), (4.1, low, 5.05, low)])
    _path(ax, DIRECT, 0.0, [(5.3, low + 0.45, 4.6, mid - 0.45)])
    note = {"fontsize": 11, "va": "center"}
    ax.text(5.15, mid - 0.55, "1  through the\n    predictions", color=DIRECT, **note)
    ax.text(5.15, mid + 0.65, "2  through the\n    contributions", color=THROUGH, **note)
    for x, y, text in ((5.5, 7.35, "the input, to be masked"), (3.1, low - 0.8, "of label $y$"),
                       (8.1, low - 0.8, "inserted, deleted"), (3.1, high + 0.72, "asks $f$"),
                       (0.8, low - 0.8, "CE, Ins, Del")):  # fmt: skip
        ax.text(x, y, text, ha="center", **note)
    return fig


def inside_explainers() -> Figure:
    """The explainer's box opened, for both kinds: forwards in grey, and the way of phi's gradient back to theta."""
    fig, ax = sheet((0, 10), (0.55, 12.1), height=7.3)
    for y, head in ((11.8, "LIME, KernelSHAP: linear in what $f$ says"), (6.4, "Grad-CAM: made of a gradient")):
        ax.text(0.05, y, head, fontsize=12, va="center", fontweight="bold")
    _asking(ax, 9.1)
    _differentiating(ax, high=3.9, low=1.6)
    return fig


def _asking(ax: Axes, y: float) -> None:
    """M masked inputs go through f, and phi is a matrix times the answers."""
    masks, theta = y + 1.5, y - 1.6
    for at, text, width, look in (
        ((0.55, y), "$x$", 0.8, {}),
        ((2.55, y), "$\\tilde{x}_1, \\ldots, \\tilde{x}_M$", 1.9, {"size": 13}),
        ((4.65, y), "$f$", 0.9, {"fill": BLUE}),
        ((6.15, y), "$\\tilde{y}$", 0.8, {}),
        ((7.7, y), "$P \\tilde{y}$", 1.0, {}),
        ((9.2, y), "$\\phi$", 0.8, {}),
        ((4.65, masks), "masks $Z$", 1.6, {"fill": SAND, "size": 12}),
        ((4.65, theta), "$\\theta$", 0.9, {"fill": BLUE}),
    ):
        box(ax, at, text, width=width, **look)
    for start, end in ((0.95, 1.6), (3.5, 4.2), (5.1, 5.75), (6.55, 7.2), (8.2, 8.8)):
        arrow(ax, (start, y), (end, y), color=FORWARDS)
    for edge, turn in ((3.85, 2.55), (5.45, 7.7)):
        _turn(ax, (edge, masks), (turn, masks), (turn, y + 0.45))
    _path(ax, THROUGH, -0.25, [(10, y, 9.6, y), (8.8, y, 8.2, y), (7.2, y, 6.55, y), (5.75, y, 5.1, y)])
    _path(ax, THROUGH, 0.0, [(4.65, y - 0.45, 4.65, theta + 0.45)])
    notes = ((2.55, y - 0.8, "masked inputs"), (6.15, y - 0.8, "predictions"), (7.9, y - 0.8, "least squares"),
             (7.7, theta, "$P$ comes from $Z$, not from $\\theta$"))  # fmt: skip
    for at_x, at_y, text in notes:
        ax.text(at_x, at_y, text, ha="center", va="center", fontsize=11)


def _differentiating(ax: Axes, *, high: float, low: float) -> None:
    """Maps are weighted by slopes of a probability, so that the way back through the slopes is a second derivative."""
    theta, mid = high + 1.5, (high + low) / 2
    for at, text, width, look in (
        ((0.55, high), "$x$", 0.8, {}),
        ((2.2, high), "stem", 1.2, {"fill": BLUE, "size": 12}),
        ((4.1, high), "$A_i$", 0.9, {}),
        ((6.5, high), "head", 1.2, {"fill": BLUE, "size": 12}),
        ((8.8, high), "$p_y$", 0.9, {}),
        ((4.3, theta), "$\\theta$", 0.9, {"fill": BLUE}),
        ((6.5, low), "$w_i$", 0.9, {}),
        ((4.1, low), "ReLU($\\Sigma_i w_i A_i$)", 2.4, {"size": 12}),
        ((1.3, low), "$\\phi$", 0.8, {}),
    ):
        box(ax, at, text, width=width, **look)
    for start, end in ((0.95, 1.6), (2.8, 3.65), (4.55, 5.9), (7.1, 8.35)):
        arrow(ax, (start, high), (end, high), color=FORWARDS)
    for start, end in (((3.95, high - 0.45), (3.95, low + 0.45)), ((6.05, low), (5.3, low)), ((2.9, low), (1.7, low))):
        arrow(ax, start, end, color=FORWARDS)
    _turn(ax, (8.8, high - 0.45), (8.8, low), (6.95, low))
    _path(ax, THROUGH, -0.25, [(0.5, low, 0.9, low), (1.7, low, 2.9, low), (5.3, low, 6.05, low)])
    _path(ax, THROUGH, -0.25, [(3.65, high, 2.8, high)])
    _path(ax, THROUGH, 0.0, [(4.25, low + 0.45, 4.25, high - 0.45), (2.5, high + 0.45, 3.85, theta - 0.2)])
    for start, end in (((6.5, low + 0.55), (6.5, high - 0.45)), ((5.8, high - 0.25), (4.55, high - 0.25)),
                       ((6.1, high + 0.55), (4.75, theta - 0.2))):  # fmt: skip
        _double(ax, THROUGH, start, end)
    note = {"fontsize": 11, "va": "center"}
    ax.text(3.75, mid, "first\nderivative", color=THROUGH, ha="right", **note)
    ax.text(6.8, mid, "second\nderivative", color=THROUGH, **note)
    for x, y, text in ((6.5, low - 0.75, "mean slope of $p_y$"), (8.8, high + 0.75, "probability")):
        ax.text(x, y, text, ha="center", **note)


def _turn(ax: Axes, start, corner, end) -> None:
    """An arrow forwards around a corner."""
    ax.plot(*zip(start, corner), color=FORWARDS, lw=1.4, solid_capstyle="projecting")
    arrow(ax, corner, end, color=FORWARDS)


def _double(ax: Axes, color: str, start, end) -> None:
    """An arrow of two lines, for a gradient's gradient."""
    arrow(ax, start, end, color=color, width=5)
    length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
    stop = [a + (b - a) * (1 - 0.4 / length) for a, b in zip(start, end)]
    ax.plot(*zip(start, stop), color=PAPER, lw=1.8, zorder=5, solid_capstyle="butt")


def _path(ax: Axes, color: str, shift: float, parts) -> None:
    """Arrows of a gradient, beside those of the forward computation."""
    for x0, y0, x1, y1 in parts:
        arrow(ax, (x0, y0 + shift), (x1, y1 + shift), color=color, width=2.2)


def _gates(ax: Axes, x: float, y: float) -> None:
    """A row of gates above A, two of them open: only their examples reach h."""
    is_open = (False, True, False, False, True, False)
    for i, filled in enumerate(is_open):
        left = x + 0.3 * (i - len(is_open) / 2) + 0.03
        color = METHODS["Ours"].color if filled else PAPER
        ax.add_patch(plt.Rectangle((left, y), 0.24, 0.24, facecolor=color, edgecolor=INK, linewidth=1))
