"""The players of the book in a browser, moved by keyboard alone: what they show is what the notebooks computed."""

import json
import re

import numpy as np
import pytest
from scipy.special import expit

from tests.test_book import HTML, browser  # noqa: F401

PHONE = {"width": 390, "height": 844}
NUMBER = r"[−-]?\d+\.\d+"


def page(name):
    return HTML / "notebooks" / f"{name}.html"


def data_of(path, player):
    """What the notebook left for a player."""
    found = re.search(rf'id="{player}".*?<script type="application/json">(.*?)</script>', path.read_text(), re.S)
    return json.loads(found[1])


def numbers(text):
    return [float(n.replace("−", "-")) for n in re.findall(NUMBER, text)]


def cells(table):
    """The texts of a table's rows, cell by cell."""
    return table.locator("tbody tr").evaluate_all("rows => rows.map(r => [...r.cells].map(c => c.innerText.trim()))")


@pytest.fixture
def opened(browser):  # noqa: F811
    """A page and one of its players, at a phone's width: `opened("02_explorer", "explorer-examples")`."""
    tabs = []

    def visit(name, player):
        tabs.append(browser.new_page())
        tabs[-1].set_viewport_size(PHONE)
        tabs[-1].goto(page(name).as_uri())
        return tabs[-1], tabs[-1].locator(f"#{player}"), data_of(page(name), player)

    yield visit
    for tab in tabs:
        tab.close()


def press(player, control, *keys):
    """Keys, with the focus on a control. A slider then says by its label and to a screen reader where it stands."""
    control = player.locator(control)
    for key in keys:
        control.press(key)
    if control.get_attribute("type") == "range":
        assert control.get_attribute("aria-label")  # an output in a label takes its name
        assert control.locator("xpath=..").locator("output").inner_text() == control.get_attribute("aria-valuetext")


def value(player, control):
    return int(player.locator(control).input_value())


# --- FE --------------------------------------------------------------------------------------------------------------


def explained(own, model, row, U):
    """Contributions of the U first entries, h, and whether it is faithful."""
    parts = np.array(model["a"]) * np.array(model["k"][row])
    if len(parts) < U:
        h = np.array(model["all"][row])
    else:
        scores = np.bincount(model["c"][:U], parts[:U], len(own["classes"]))
        h = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    return parts[:U], h, (h == h.max()).sum() == 1 and h.argmax() == np.argmax(model["g"][row])


def check_examples(player, data):
    own = data[player.locator(".data").input_value()]
    model = own["models"][player.locator("[type=radio]:checked").input_value()]
    row, U = value(player, ".case"), value(player, ".U")
    parts, h, faithful = explained(own, model, row, U)
    said = [numbers(" ".join(line)) for line in cells(player.locator(".outputs"))]
    np.testing.assert_allclose(said, np.stack([model["g"][row], h], 1), atol=0.006)
    assert player.locator(".says").inner_text().startswith("Faithful." if faithful else "Not faithful.")
    lines = cells(player.locator(".entries"))
    assert len(lines) == min(12, len(parts))
    for i, (example, about, *rest) in enumerate(lines):
        assert example == f"{own['classes'][model['is'][i]]} {model['n'][i]}"
        assert about == own["classes"][model["c"][i]]
        expected = [model["a"][i], model["k"][row][i], parts[i]]
        np.testing.assert_allclose(numbers(" ".join(rest)), expected, atol=0.006)
    return row, U


def test_the_examples_behind_a_row_are_the_librarys(opened):
    """At the start, number for number, the table that the library's own answer made beneath the player."""
    tab, player, data = opened("02_explorer", "explorer-examples")
    assert check_examples(player, data) == (0, 10)
    own = cells(tab.locator("table.dataframe").nth(2))
    for ours, theirs in zip(cells(player.locator(".entries")), own, strict=True):
        assert ours[:2] == theirs[1:3]
        np.testing.assert_allclose(numbers(" ".join(ours[2:])), numbers(" ".join(theirs[3:])), atol=0.011)


def test_every_control_of_the_examples_moves_by_keyboard(opened):
    _, player, data = opened("02_explorer", "explorer-examples")
    press(player, ".U", "ArrowRight")
    assert check_examples(player, data) == (0, 11)
    press(player, ".case", "ArrowRight", "ArrowRight", "ArrowRight")
    assert check_examples(player, data) == (3, 11)
    press(player, "[type=radio]:checked", "ArrowDown")
    assert player.locator("[type=radio]:checked").input_value() == "Pretrain"
    check_examples(player, data)
    press(player, ".U", "Home")
    assert check_examples(player, data) == (3, 1)
    press(player, "button", "Enter")
    first = next(iter(data.values()))
    wrong = [not explained(first, first["models"]["Pretrain"], row, 1)[2] for row in range(len(first["row"]))]
    assert check_examples(player, data) == (wrong.index(True, 4), 1)
    press(player, ".data", "ArrowDown")
    assert player.locator(".data").input_value() == list(data)[1]
    press(player, ".U", "End")
    assert check_examples(player, data) == (0, len(data[list(data)[1]]["models"]["Pretrain"]["a"]) + 1)


# --- ID --------------------------------------------------------------------------------------------------------------


def check_curves(figure, inserted, deleted, s):
    """The two numbers at s, the means up to there, and the points drawn."""
    said = numbers(figure.locator(".scores").inner_text())
    means = [np.mean(inserted[1 : s + 1]), np.mean(deleted[1 : s + 1])] if s else []
    np.testing.assert_allclose(said, [inserted[s], deleted[s], *means], atol=0.006)
    for kind, values in (("in", inserted), ("out", deleted)):
        drawn = figure.locator(f"path.{kind}.so-far").get_attribute("d")
        heights = [float(point.split()[1]) for point in drawn[1:].split("L")]
        np.testing.assert_allclose(heights, 126 - 116 * np.array(values[: s + 1]), atol=0.06)


def check_features(player, data):
    own = data[player.locator(".data").input_value()]
    row, s = value(player, ".case"), value(player, ".s")
    for figure, (method, model) in zip(player.locator("figure").all(), own["models"].items(), strict=True):
        assert figure.locator("figcaption").inner_text().startswith(f"{method} says {own['classes'][model['y'][row]]},")
        phi = np.array(model["phi"][row])
        order = np.argsort(-phi, kind="stable")
        lines = cells(figure.locator(".features"))
        assert [line[0][2:] for line in lines] == [own["features"][q] for q in order]
        assert [line[0][0] for line in lines] == ["●"] * s + ["○"] * (len(phi) - s)
        np.testing.assert_allclose([numbers(line[2])[0] for line in lines], phi[order], atol=0.006)
        check_curves(figure, model["inserted"][row], model["deleted"][row], s)
    return row, s


def test_every_control_of_the_features_moves_by_keyboard(opened):
    _, player, data = opened("02_explorer", "explorer-features")
    assert check_features(player, data) == (0, 0)
    press(player, ".s", "ArrowRight", "ArrowRight")
    assert check_features(player, data) == (0, 2)
    press(player, ".case", "End")
    assert check_features(player, data) == (len(next(iter(data.values()))["row"]) - 1, 2)
    press(player, ".data", "ArrowDown")
    press(player, ".s", "End")
    own = data[list(data)[1]]
    assert check_features(player, data) == (0, len(own["features"]))


def check_gallery(player, data):
    own = data["explainers"][player.locator("[type=radio]:checked").input_value()]
    image, s, cells = value(player, ".image"), value(player, ".s"), own["side"] ** 2
    assert player.locator(".s").get_attribute("aria-valuetext") == f"{s} of {cells}"
    truth = data["classes"][data["y"][image]]
    assert (
        player.locator(".image").get_attribute("aria-valuetext") == f"{image + 1} of {len(data['y'])}, in truth {truth}"
    )
    for figure, (method, model) in zip(player.locator("figure").all(), own["models"].items(), strict=True):
        assert (
            figure.locator("figcaption").inner_text().startswith(f"{method} says {data['classes'][model['y'][image]]},")
        )
        check_curves(figure, model["inserted"][image], model["deleted"][image], s)
        phi = np.array(model["phi"][image])
        chosen = np.isin(np.arange(cells), np.argsort(-phi, kind="stable")[:s])
        map_, inserted, deleted = (
            view.locator("rect[opacity]").evaluate_all("all => all.map(r => +r.getAttribute('opacity'))")
            for view in figure.locator(".views svg").all()
        )
        share = phi.clip(0) / phi.max() if phi.max() > 0 else 0 * phi
        np.testing.assert_allclose(map_, 0.85 * (1 - share), atol=1e-3)
        assert inserted == [float(not c) for c in chosen]
        assert deleted == [float(c) for c in chosen]
    return image, s


def test_every_control_of_the_gallery_moves_by_keyboard(opened):
    _, player, data = opened("23_gallery", "gallery-player")
    assert check_gallery(player, data) == (0, 8)
    press(player, ".image", "ArrowRight")
    assert check_gallery(player, data) == (1, 8)
    press(player, ".s", "ArrowLeft")
    assert check_gallery(player, data) == (1, 7)
    press(player, ".s", "Home")
    press(player, ".image", "End")
    assert check_gallery(player, data) == (len(data["y"]) - 1, 0)
    for name in [*list(data["explainers"])[1:], next(iter(data["explainers"]))]:  # round to the first again
        press(player, "[type=radio]:checked", "ArrowDown")
        assert player.locator("[type=radio]:checked").input_value() == name
        check_gallery(player, data)


# --- The temperature -------------------------------------------------------------------------------------------------


def check_soft(player, data):
    T, s = value(player, ".T"), value(player, ".s")
    phi = np.array(data["phi"])
    r = expit(data["T"] * data["factors"][T] * (phi - data["t"][s - 1]))
    bars = player.locator("rect.in").evaluate_all("all => all.map(r => +r.getAttribute('width'))")
    np.testing.assert_allclose(bars, 200 * r, atol=1e-6)
    assert player.locator("rect.outline").count() == s
    assert player.locator(".mask .name").all_text_contents() == data["names"]
    said = player.locator(".s").get_attribute("aria-valuetext")
    np.testing.assert_allclose(numbers(said), [curve[s - 1] for curve in data["soft"][T]], atol=0.006)
    return T, s


def test_the_temperature_moves_by_keyboard(opened):
    tab, player, data = opened("13_soft_masks", "soft-player")
    assert check_soft(player, data) == (data["factors"].index(1), data["s"])
    press(player, ".T", "ArrowRight")
    press(player, ".s", "ArrowRight")
    assert check_soft(player, data) == (data["factors"].index(1) + 1, data["s"] + 1)
    press(player, ".T", "End")
    check_soft(player, data)
    press(player, "button", "Enter")
    assert player.locator("button").inner_text() == "Stop"
    tab.wait_for_function("document.querySelector('#soft-player button').textContent === 'Play'")
    assert check_soft(player, data) == (len(data["factors"]) - 1, data["s"] + 1)
