"""Records: what is written comes back, what is wrong is refused by name, and the statistics are the textbook's."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lib.study import records

ETAS = (0.0, 0.01, 1.0)


def rows(scores=None, splits=(0, 1), methods=("Ours",), U=10, config="c0ffee", **change):
    """A small valid frame; scores: eta -> (accuracy, faithfulness) on validation; test values are eta itself."""
    scores = scores or {0.0: (0.5, 0.5), 0.01: (0.9, 0.8), 1.0: (0.7, 0.7)}
    frame = pd.DataFrame(
        {"method": m, "split": s, "eta": eta, "part": part, "measure": measure, "value": v if part == "val" else eta}
        for m in methods
        for s in splits
        for eta, values in scores.items()
        for part in ("val", "test")
        for measure, v in zip(("accuracy", "faithfulness"), values)
    )
    constant = {"paper": "FE", "dataset": "glass", "seed": 0, "lam": 1.0, "U": U, "direction": "higher", "epochs": 9}
    constant |= {"best_epoch": 5, "seconds": 1.5, "device": "cpu", "versions": "v", "code": "unknown", "settings": "{}"}
    return frame.assign(**constant, config=config).assign(**change)


# --- Writing and reading ---------------------------------------------------------------------------------------------


def test_what_is_written_comes_back(tmp_path):
    frame = rows(U=[None, 10, 20] * 8, eta=np.repeat([0.0, None, 1e-4], 8), config=[str(i) for i in range(24)])
    path = records.write(frame.assign(note="extra"), tmp_path / "fe" / "glass.parquet")
    back = records.read(path)
    pd.testing.assert_frame_equal(back[frame.columns], frame.astype(back[frame.columns].dtypes))
    assert (back["note"] == "extra").all()
    assert back["U"].isna().sum() == 8
    assert [p.name for p in path.parent.iterdir()] == ["glass.parquet"]


def test_a_folder_reads_as_the_sum_of_its_files(tmp_path):
    for method in ("Ours", "Joint"):
        records.write(rows(methods=[method]), tmp_path / "deep" / f"{method}.parquet")
    assert len(records.read(tmp_path)) == 48
    assert set(records.read(tmp_path)["method"]) == {"Ours", "Joint"}


def test_files_are_small(tmp_path):
    settings = records._json({"etas": ETAS, "epochs": 10_000, "text": "x" * 300})
    frame = pd.concat([rows(splits=range(10), U=U, settings=settings) for U in (5, 10, 20, 30, 50, 100, 900)])
    assert records.write(frame, tmp_path / "a.parquet").stat().st_size < 25_000  # 840 rows


@pytest.mark.parametrize("column", [c for c in (*records.COLUMNS, *records.OWN["FE"]) if c != "paper"])
def test_a_missing_column_is_named_with_its_file(column, tmp_path):
    with pytest.raises(ValueError, match=f"missing column {column};"):
        records.write(rows().drop(columns=column), tmp_path / "new.parquet")
    assert not list(tmp_path.iterdir())
    rows().drop(columns=column).to_parquet(tmp_path / "old.parquet")
    with pytest.raises(ValueError, match=rf"old.parquet: missing column {column};"):
        records.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"direction": "up"}, "'direction' must be one of higher, lower, got up"),
        ({"part": "dev"}, "'part' must be one of train, val, test, got dev"),
        ({"paper": "XX"}, "'paper' must be one of FE, ID, got XX"),
        ({"split": "one"}, "'split' must hold whole numbers, got 'one'"),
        ({"seed": 0.5}, "'seed' must hold whole numbers, got"),
        ({"U": 1.5}, "'U' must hold whole numbers, got"),
        ({"method": 3}, "'method' must hold text, got"),
        ({"value": "0.9"}, "'value' must hold finite numbers, got '0.9'"),
        ({"value": np.inf}, "'value' must hold finite numbers, got"),
        ({"value": np.nan}, "'value' is empty in 24 rows"),
        ({"dataset": None}, "'dataset' is empty in 24 rows"),
        ({"eta": -1.0}, "'eta' must not be negative, got -1.0"),
        ({"seconds": -0.1}, "'seconds' must not be negative, got -0.1"),
        ({"eta": 0.0}, "16 measurements appear twice, the first is .*'glass'"),
    ],
)
def test_a_wrong_column_is_named_and_nothing_is_written(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        records.write(rows(**change), tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_no_rows_no_files_and_no_parquet_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no rows"):
        records.write(rows().iloc[:0], tmp_path / "a.parquet")
    for place in (tmp_path, tmp_path / "nowhere.parquet"):
        with pytest.raises(ValueError, match=r"no results in .*make experiments"):
            records.read(place)
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(ValueError, match=r"text.parquet is not a readable parquet file"):
        records.read(tmp_path)


def test_a_run_in_two_files_is_refused(tmp_path):
    records.write(rows(), tmp_path / "a.parquet")
    records.write(rows(splits=(1, 2)), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match="12 measurements appear twice"):
        records.read(tmp_path)


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"out must be a place that can be written to, got .*file/a.parquet"):
        records.check_out(tmp_path / "file" / "a.parquet")
    assert records.check_out(tmp_path / "new" / "a.parquet").parent.is_dir()
    assert not list((tmp_path / "new").iterdir())
    with pytest.raises(ValueError, match="out must be a file's name, got the folder"):
        records.check_out(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = records.write(rows(), tmp_path / "a.parquet")

    def fail(table, where, **_):
        where.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(records.parquet, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        records.write(rows(splits=[5]), path)
    assert list(tmp_path.iterdir()) == [path]
    assert set(records.read(path)["split"]) == {0, 1}


# --- Provenance ------------------------------------------------------------------------------------------------------


def test_provenance_fills_its_columns():
    found = records.provenance({"etas": ETAS}, "cpu")
    assert records.validate(rows().assign(**found))["config"].iloc[0] == records.config_hash({"etas": list(ETAS)})
    assert found["device"].startswith("cpu: ")
    assert "torch 2." in found["versions"]
    assert found["settings"] == '{"etas": [0, 0.01, 1]}'


def test_code_is_unknown_without_git_and_names_a_commit_with_it(tmp_path, monkeypatch):
    assert records._code(tmp_path) == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert records._code() == "unknown"


def test_the_hash_depends_on_the_settings_alone():
    same = [{"a": 1, "b": (0.5, 2)}, {"b": [0.5, 2.0], "a": np.float64(1)}]
    assert len({records.config_hash(s) for s in same}) == 1
    different = [{"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": True}, {"a": [1]}, {"a": None}]
    assert len({records.config_hash(s) for s in different}) == len(different)
    assert records.config_hash({"eta": 1e-3, "U": [5, 10]}) == "0dd8efd10e02"  # the same on every machine, for ever


def test_settings_that_json_cannot_say_are_refused():
    with pytest.raises(ValueError, match="settings must be made of numbers"):
        records.config_hash({"f": object()})


# --- Statistics ------------------------------------------------------------------------------------------------------


def test_eta_is_chosen_by_the_geometric_mean_on_validation():
    # The arithmetic mean would take 1.0, accuracy alone would take 0, and test values would take 1.0.
    scores = {0.0: (0.95, 0.5), 0.01: (0.75, 0.72), 1.0: (0.5, 1.0)}
    chosen = records.choose_eta(rows(scores))
    assert set(chosen["eta"]) == {0.01}
    assert set(chosen["part"]) == {"val", "test"}
    assert len(chosen) == 8


def test_a_tie_goes_to_the_smaller_eta_whatever_the_order():
    frame = rows({1.0: (0.9, 0.4), 0.01: (0.4, 0.9), 0.0: (0.1, 0.1)})
    assert set(records.choose_eta(frame)["eta"]) == {0.01}
    assert set(records.choose_eta(frame.iloc[::-1])["eta"]) == {0.01}


def test_every_split_lambda_and_U_chooses_for_itself():
    one = rows({0.0: (0.9, 0.9), 1.0: (0.1, 0.1)}, splits=[0])
    two = rows({0.0: (0.1, 0.1), 1.0: (0.9, 0.9)}, splits=[1])
    three = rows({0.0: (0.1, 0.1), 1.0: (0.9, 0.9)}, splits=[0], U=20)
    four = rows({0.0: (0.1, 0.1), 1.0: (0.9, 0.9)}, splits=[0], lam=10.0)
    chosen = records.choose_eta(pd.concat([one, two, three, four]))
    assert chosen.groupby(["split", "U", "lam"])["eta"].unique().explode().tolist() == [0.0, 1.0, 1.0, 1.0]


def test_methods_without_eta_pass_and_negative_scores_do_not_win():
    joint = rows({np.nan: (0.4, 0.3)}, methods=["Joint"])
    assert len(records.choose_eta(pd.concat([rows(), joint], ignore_index=True)).query("method == 'Joint'")) == 8
    negative = rows({0.0: (-2.0, -3.0), 1.0: (0.1, 0.1)})
    assert set(records.choose_eta(negative)["eta"]) == {1.0}


def test_a_run_without_both_validation_measures_is_refused():
    frame = rows()
    half = frame[~((frame["measure"] == "faithfulness") & (frame["eta"] == 1.0) & (frame["split"] == 1))]
    for bad in (half, frame[frame["part"] == "test"], frame.assign(measure="accuracy").drop_duplicates("eta")):
        with pytest.raises(ValueError, match="records must hold accuracy and faithfulness on validation"):
            records.choose_eta(bad)


def test_mean_and_standard_error_count_splits_not_seeds():
    value = pd.Series([1.0, 3.0, 2.0, 4.0, 6.0, 8.0])
    frame = pd.DataFrame(
        {"method": "Ours", "U": pd.NA, "split": [0, 0, 1, 1, 2, 2], "seed": [0, 1] * 3, "value": value}
    )
    (row,) = records.mean_sem(frame, ["method", "U"]).to_dict("records")
    assert row["mean"] == 4.0
    assert row["sem"] == pytest.approx(stats.sem([2.0, 3.0, 7.0]))
    assert row["count"] == 3


def test_plus_minus_stays_on_one_line():
    assert records.plus_minus(0.734, 0.018) == "0.73\u00a0±\u00a00.02"
    assert records.plus_minus(0.734, 0.018, "+.3f") == "+0.734\u00a0±\u00a00.018"  # a sign for the mean alone
    assert records.plus_minus(float("nan"), float("nan")) == "–"


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 12), st.integers(0, 1000))
def test_paired_is_the_paired_t_test(n, seed):
    a, b = np.random.default_rng(seed).normal(0.5, 1, (2, n))
    found, known = records.paired(a, b), stats.ttest_rel(a, b)
    interval = known.confidence_interval(0.95)
    assert found == pytest.approx(((a - b).mean(), interval.low, interval.high, known.pvalue, n))


def test_paired_matches_series_by_split():
    a, b = pd.Series([1.0, 2.0, 4.0], [0, 1, 2]), pd.Series([0.5, 3.0, 0.0], [1, 2, 0])
    assert records.paired(a, b) == pytest.approx(records.paired([1, 2, 4], [0, 0.5, 3]))
    with pytest.raises(ValueError, match="a and b must cover the same splits"):
        records.paired(a, b.iloc[:2])
    with pytest.raises(ValueError, match="at least two"):
        records.paired([1.0], [2.0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_paired_takes_finite_values(value):
    with pytest.raises(ValueError, match="a and b must be finite"):
        records.paired([1, value, 2], [0, 0, 0])


def test_paired_without_spread():
    assert records.paired([1, 1, 1], [1, 1, 1]) == (0, 0, 0, 1, 3)
    assert records.paired([2, 2, 2], [1, 1, 1]) == (1, 1, 1, 0, 3)


def test_holm_gives_the_values_known_for_it():
    assert records.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert records.holm([0.9, 0.5]) == pytest.approx([1.0, 1.0])
    assert len(records.holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_rejects_as_its_step_down_rule_says(p):
    corrected, m = records.holm(p), len(p)
    for level in (0.01, 0.05, 0.2):
        rejected = []
        for step, i in enumerate(np.argsort(p, kind="stable")):
            if p[i] * (m - step) > level:
                break
            rejected.append(i)
        assert set(np.flatnonzero(corrected <= level)) == set(rejected)
