"""Records: what is written comes back, what is wrong is refused by name, and older files stay readable."""

import numpy as np
import pandas as pd
import pytest

from lib.study import provenance, records

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
    constant |= {"experiment_version": 1, "schema": records.SCHEMA}
    return frame.assign(**constant, config=config).assign(**change)


# --- Writing and reading ---------------------------------------------------------------------------------------------


def test_rows_are_added_to_what_another_process_has_written_since(tmp_path):
    path = tmp_path / "new" / "both.parquet"
    first = records.add(rows(seed=0), path, 1)
    assert len(first) == len(rows())
    records.add(rows(seed=1), path, 1)  # another process, which holds a frame of its own
    every = records.add(rows(seed=2), path, 1)
    assert set(every["seed"]) == {0, 1, 2}
    pd.testing.assert_frame_equal(records.read(path)[every.columns], every, check_dtype=False)
    replaced = records.add(rows(experiment_version=2), path, 2)  # of which the older version made none
    assert len(replaced) == len(records.read(path)) == len(rows())


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


def test_what_another_version_has_made_is_not_there(tmp_path):
    path = records.write(rows().assign(experiment_version=1), tmp_path / "a.parquet")
    assert len(records.made(path, 1)) == len(rows())
    assert records.made(path, 2).empty
    assert records.made(tmp_path / "none.parquet", 1).empty
    assert set(records.COLUMNS) <= set(records.made(tmp_path / "none.parquet", 1))


def test_records_that_lack_a_column_are_refused_before_others_are_added(tmp_path):
    path = tmp_path / "a.parquet"
    rows().drop(columns="lam").to_parquet(path)
    for read in (records.made, records.check_replaced):
        with pytest.raises(ValueError, match="missing column lam"):
            read(path, 1)


def test_files_are_small(tmp_path):
    settings = provenance._json({"etas": ETAS, "epochs": 10_000, "text": "x" * 300})
    frame = pd.concat([rows(splits=range(10), U=U, settings=settings) for U in (5, 10, 20, 30, 50, 100, 900)])
    assert records.write(frame, tmp_path / "a.parquet").stat().st_size < 25_000  # 840 rows


def test_what_a_killed_writer_left_is_no_file_of_records(tmp_path):
    path = records.write(rows(), tmp_path / "fe" / "a.parquet")
    (path.parent / ".123-a.parquet").write_bytes(b"PAR1 half")
    assert records.files(tmp_path) == [path]
    assert len(records.read(tmp_path)) == len(rows())
    path.unlink()
    with pytest.raises(ValueError, match="no results in"):
        records.read(tmp_path)


@pytest.mark.parametrize("column", [c for c in (*records.COLUMNS, *records.OWN["FE"]) if c not in ("paper", "schema")])
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
        ({"paper": "XX"}, "'paper' must be one of FE, ID, FE.ID, got XX"),
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


def test_records_are_found_from_any_folder(tmp_path, monkeypatch):
    records.write(rows(), tmp_path / "project" / "results" / "a.parquet")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(records, "ROOT", tmp_path / "project")
    assert len(records.read("results")) == len(rows())
    records.write(rows().iloc[:1], "results/a.parquet")
    assert len(records.read("results")) == 1


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


def test_records_of_schema_1_are_read_as_version_1(tmp_path):
    rows().drop(columns=["schema", "experiment_version"]).to_parquet(tmp_path / "old.parquet")
    back = records.read(tmp_path)
    assert set(back["schema"]) == {1}
    assert set(back["experiment_version"]) == {1}
    records.write(rows(splits=[7], experiment_version=3), tmp_path / "new.parquet")
    both = records.read(tmp_path)
    assert both.groupby("schema")["experiment_version"].unique().map(list).to_dict() == {1: [1], 2: [3]}
    rows(schema=records.SCHEMA + 1).to_parquet(tmp_path / "later.parquet")
    with pytest.raises(ValueError, match=r"later.parquet: records of schema 3, this code reads up to 2"):
        records.read(tmp_path)


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"out must be a place that can be written to, got .*file/a.parquet"):
        records.check_out(tmp_path / "file" / "a.parquet")
    assert records.check_out(tmp_path / "new" / "a.parquet").parent.is_dir()
    assert not list((tmp_path / "new").iterdir())
    with pytest.raises(ValueError, match="out must be a file's name, got the folder"):
        records.check_out(tmp_path)


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"", b"PAR1 no more"])
def test_a_file_that_is_not_records_is_never_overwritten(content, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    for act in (records.check_out, lambda out: records.write(rows(), out)):
        with pytest.raises(ValueError, match=r"out must be a new file or one of records, got .*mine.csv"):
            act(path)
    assert path.read_bytes() == content
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="which is something else"):
        records.check_out(tmp_path / "other.parquet")
    assert records.check_out(records.write(rows(), tmp_path / "a.parquet")).exists()


def test_files_of_one_run_are_different_files(tmp_path, monkeypatch):
    out, kept = tmp_path / "a.parquet", tmp_path / "a.pt"
    kept.write_bytes(b"a checkpoint")
    assert records.check_out(out, checkpoint=kept, stage1="") == out
    assert kept.read_bytes() == b"a checkpoint"
    monkeypatch.chdir(tmp_path)
    for other in (out, "a.parquet", "../" + tmp_path.name + "/a.parquet"):
        with pytest.raises(ValueError, match="out and checkpoint must be different files"):
            records.check_out(out, checkpoint=other)
    with pytest.raises(ValueError, match="checkpoint and stage1 must be different files"):
        records.check_out(out, checkpoint=kept, stage1=kept)
    with pytest.raises(ValueError, match="checkpoint must be a file's name, got the folder"):
        records.check_out(out, checkpoint=tmp_path)


def test_a_full_disk_is_noticed_before_a_run(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records.os, "fsync", full)
    with pytest.raises(ValueError, match=r"place that can be written to, got .*No space left on device"):
        records.check_out(tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


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


def test_records_end_in_parquet_and_lie_in_no_folder_called_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rec", "rec.csv", "rec.ipynb"):
        with pytest.raises(ValueError, match=f"out must end in .parquet, as records are found by it, got {name}"):
            records.check_out(name)
    with pytest.raises(ValueError, match=r"out must be a whole path, got '~/a.parquet'"):
        records.check_out("~/a.parquet")
    with pytest.raises(ValueError, match="checkpoint must be a whole path"):
        records.check_out("a.parquet", checkpoint="~/a.pt")
    assert not list(tmp_path.iterdir())
    assert records.check_out("a~b/~.parquet")


def test_records_of_another_kind_are_not_replaced(tmp_path):
    path = records.write(rows(), tmp_path / "a.parquet")
    held = {name: rows()[name].iloc[0] for name in ("paper", "dataset", "method")}
    records.check_replaced(path, 1, **held)
    records.check_replaced(tmp_path / "new.parquet", 1, **held)
    for name in held:
        for version in (1, 2):
            with pytest.raises(ValueError, match=f"another {name}: .*a.parquet holds {held[name]}, .* makes other;"):
                records.check_replaced(path, version, **{**held, name: "other"})


def test_records_of_other_runs_are_not_replaced_unless_an_older_version_made_them(tmp_path):
    path = records.write(rows(), tmp_path / "a.parquet")
    own = {"split": [0, 1], "seed": 0, "eta": ETAS, "config": "c0ffee"}
    records.check_replaced(path, 1, **own, reading="all")  # which these have none of
    records.check_replaced(path, 1, **own | {"split": [0, 1, 2], "eta": [*ETAS, 0.5]})
    for name, other, lost in (
        ("split", [1, 2], "0"),
        ("seed", 1, "0"),
        ("eta", [0], "0.01, 1.0"),
        ("config", "c", "c0f"),
    ):
        with pytest.raises(ValueError, match=f"another {name}: .*a.parquet holds {lost}.*, and this run makes"):
            records.check_replaced(path, 1, **own | {name: other})
        records.check_replaced(path, 2, **own | {name: other})
