"""What the page of claims shows: verdicts at a glance, and their sentences."""

import re

import pandas as pd
from IPython.display import HTML
from scipy import stats

from lib.study import claims, claims_fe, runs_fe, runs_id
from lib.study.numbers import chance, ends, signed, spanned, three, two
from lib.study.records import ROOT
from lib.study.rows import majority
from lib.study.runs import at, title
from lib.study.runs_fe import U
from lib.study.statistics import clustered, resampled
from lib.study.words import listed, percent

MARKS = {"holds": "●", "undecided": "○", "against": "×"}
WIDE = 8  # marks of a bar
TIED = 0.05  # share of rows from which ties are told
LEAST = 0.01  # smallest p shown of a mean over few data sets, whose tails are taken to be Student's


def bar(holds: int, undecided: int, against: int) -> str:
    """How the comparisons of a claim came out, in at most `WIDE` marks: none that there is goes without one."""
    counts = dict(zip(MARKS, (holds, undecided, against)))
    scale = min(1, WIDE / max(1, sum(counts.values())))
    marks = {name: max(round(n * scale), 1) if n else 0 for name, n in counts.items()}
    while sum(marks.values()) > WIDE:
        marks[max(marks, key=marks.get)] -= 1
    return "".join(MARKS[name] * n for name, n in marks.items())


def effect(row: pd.Series) -> str:
    """The effect of a claim as a whole with its interval, which stays on one line."""
    if pd.isna(row["effect"]):
        return "–"
    interval = f"{two(row['effect'])} ({ends(row)})".replace(" ", "\u00a0")
    return f"{row['effect of']}: {interval}"


def unbroken(label: str) -> str:
    """A claim's label that stays on one line."""
    return label.replace("-", "\u2011")


def shown(row: pd.Series) -> str:
    """The verdict, and by how many comparisons, where no more than half of them make a claim contradicted."""
    total = int(row[list(MARKS)].sum())
    few = row["verdict"] == "contradicted" and 2 * row["against"] <= total
    return f"contradicted, by {row['against']} of {total}" if few else row["verdict"]


def at_a_glance(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The verdicts as shown: what the paper says, how its comparisons came out, and the effect."""
    table = {
        "the paper says": verdicts["says"],
        "verdict": verdicts.apply(shown, axis=1),
        "comparisons": [bar(*row) or "–" for row in verdicts[list(MARKS)].itertuples(index=False)],
        "effect, in the mean": verdicts.apply(effect, axis=1),
    }
    return pd.DataFrame(table).rename(index=unbroken).rename_axis(None)


def in_full(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The same with the counts, p and its side; a claim's section lists its data sets."""
    table, counts = at_a_glance(verdicts), verdicts[list(MARKS)].astype(str).agg(",\u00a0".join, axis=1)
    table["comparisons"] += (" " + counts).where(verdicts[list(MARKS)].any(axis=1), "").to_numpy()
    p = verdicts.apply(lambda row: "" if pd.isna(row["p"]) else f", {sided(row)}", axis=1)
    table["effect, in the mean"] += p.to_numpy()
    return table


def sided(row: pd.Series) -> str:
    """p of a claim as a whole and the side that its mean is on, if p tells; of several data sets none below `LEAST`."""
    least = row["units"] > 1 and row["p"] < LEAST
    p = f"< {LEAST}" if least else chance(row["p"], True)
    known = {claims.HOLDS: " on the claimed side", claims.AGAINST: " against it"}
    side = known[row["side"]] if row["p"] < claims.ALPHA else ", which leaves its side open"
    return f"p {p}".replace(" ", "\u00a0") + side


def linked(table: pd.DataFrame, chapter: str) -> HTML:
    """The table with each claim's label a link to the section of the chapter that tests it."""
    headings = re.findall(r"^# #+ ((?:FE|ID)-C\d+)(.*)$", (ROOT / "notebooks" / f"{chapter}.py").read_text(), re.M)
    anchors = {label: re.sub(r"[^a-z0-9]+", "-", f"{label}{rest}".lower()).strip("-") for label, rest in headings}

    def link(shown: str) -> str:
        label = re.sub("[a-z]$", "", shown.replace("\u2011", "-"))
        return f'<a href="{chapter}.html#{anchors[label]}">{shown}</a>' if label in anchors else shown

    return HTML(table.rename(index=link).to_html(escape=False))


def told(paper: str, verdicts: pd.DataFrame) -> dict:
    """Each verdict by its claim's label and the sentences on it, and how many claims have each verdict."""
    found = {label.lower(): shown(row) for label, row in verdicts.iterrows()}
    found |= {f"{label.lower()}-told": sentences(row) for label, row in verdicts.iterrows()}
    return found | counted(paper, verdicts)


def counted(paper: str, verdicts: pd.DataFrame) -> dict:
    """How many claims have each verdict."""
    words = {word: f"count-{paper}-{word.replace(' ', '-')}" for word in claims.VERDICTS}
    return {name: int((verdicts["verdict"] == word).sum()) for word, name in words.items()}


def spoken(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The sentences on each claim as a table, where no section has room for them."""
    return pd.DataFrame(
        {"": [sentences(row) for _, row in verdicts.iterrows()]}, verdicts.index.map(unbroken)
    ).rename_axis(None)


def sentences(row: pd.Series) -> str:
    """A claim's effect, how sure it is, how its comparisons came out, and what they could have seen."""
    if row["verdict"] == "not tested":
        return "No data set has all the records that this claim needs."
    counts = f"{row['holds']} hold, {row['undecided']} undecided, {row['against']} against.{reach(row)}"
    if pd.isna(row["effect"]):
        return f"Comparisons: {counts}"
    over = f"over {row['units']} data sets" if row["units"] > 1 else "on one data set"
    sides = {">": "more than", "<": "less than"}
    asked = " ".join(sides.get(word, word) for word in row["claimed"].split()).replace("-", "−")
    lead = f"{row['effect of'][0].upper()}{row['effect of'][1:]}: {two(row['effect'])} in the mean {over}"
    return f"{lead} (95% interval {ends(row)}). Claimed is {asked}: {sided(row)}. Comparisons: {counts}"


def reach(row: pd.Series) -> str:
    """What a claim's comparisons could have seen, where that is a matter of chance."""
    if pd.isna(row["detectable"]):
        return ""
    near, alone = two(row["detectable"]), two(row["alone"])
    near += f" ({alone} if no other is decided)" * (near != alone)
    off = f"within a factor of {near} of the edge" if row["ratio"] else f"nearer to the edge than {near}"
    return f" A comparison {off} would mostly stay undecided."


def stricter(verdicts: pd.DataFrame, strict: pd.DataFrame) -> str:
    """Which verdicts Holm's correction would change, as `strict` has them: how many, and their names."""
    both = verdicts[["verdict"]].assign(strict=strict["verdict"])
    moved = [f"{row.Index} ({row.strict}, now {row.verdict})" for row in both.itertuples() if row.verdict != row.strict]
    return f"{len(moved)} of {len(verdicts)}, {listed(moved)}" if moved else f"none of {len(verdicts)}"


def over_claims(verdicts: pd.DataFrame) -> str:
    """How many of the claims' own p would stay small if they were corrected for being as many: a sentence."""
    p = verdicts["p"].dropna()
    small, stay = p[p < claims.ALPHA], p[stats.false_discovery_control(p) < claims.ALPHA]
    lost = [label for label in small.index if label not in stay.index]
    return (
        f"Such p are not corrected for the number of claims. Of {len(p)} on this page before the images {len(small)} "
        f"are below {claims.ALPHA}. Corrected as comparisons are, now over all these claims, {len(stay)} of them still "
        f"are; those of {listed(lost)} are not."
    )


def constants() -> dict:
    """The numbers of the rule, by name."""
    return {
        "U": U,
        "margin": claims.MARGIN,
        "slower": claims_fe.SLOWER,
        "level": claims.ALPHA,
        "least": LEAST,
        "epochs": runs_fe.CONFIGURATION["epochs"],
    }


def seen_of_etas(frame: pd.DataFrame) -> dict:
    """How many splits of one data set must choose another eta than all others for FE-C8's test to see it."""
    etas = claims_fe.chosen_etas(runs_fe.chosen(frame), runs_fe.datasets(frame))
    if len(etas) < 2:
        return {"etas-seen": "–"}
    splits = [len(values) for values in etas.values()]
    return {"etas-seen": f"{claims_fe.least_seen(splits)} of {splits[0]}"}


def ties(frame: pd.DataFrame, ten: pd.DataFrame) -> str:
    """On which share of test rows the largest outputs of RPS and of RPSR tie with U entries, of the chosen runs."""
    own = at(frame, part="test", measure="ties", U=U).merge(ten[runs_fe.RUN].drop_duplicates())
    share = own.groupby(["method", "dataset"])["value"].mean()
    told = [
        f"{method} on {listed(f'{percent(share[method, d])} of the rows of {title(d)}' for d in names)}"
        for method in ("RPS", "RPSR")
        if (names := [d for d in runs_fe.datasets(frame) if (method, d) in share and share[method, d] >= TIED])
    ]
    if not told:
        return "Their largest outputs hardly tie."
    return (
        f"With {U} entries their largest outputs often tie, as few entries speak: {'; '.join(told)}. There they name "
        "no class, and the first of the largest counts as their prediction."
    )


def rival(frame: pd.DataFrame) -> dict:
    """Accuracy of Ours minus that of RPSR at two U, mean over data sets with its 95% interval."""
    found, names = {}, runs_fe.datasets(frame)
    for entries in (10, 30):
        ten = runs_fe.chosen(frame, entries)
        both = [[runs_fe.by_split(ten, d, m, measure="accuracy") for m in ("Ours", "RPSR")] for d in names]
        gaps = [gap.to_numpy() for ours, rival in both if len(gap := (ours - rival).dropna()) > 1]
        found[f"rival-{entries}"] = spanned(clustered(gaps)) if gaps else "–"
    return found


def alike(tests: pd.DataFrame, label: str) -> str:
    """How many comparisons of a claim would pass as comparable, each by itself: within MARGIN, uncorrected."""
    rows = tests[(tests["claim"] == label) & tests["differences"].notna()]
    found = [claims.compare("", "", gap, claimed="within", bound=claims.MARGIN) for gap in rows["differences"]]
    passed = sum(claims.outcome_of(one.splits, one.gap, one.p) == claims.HOLDS for one in found)
    return f"{passed} of {len(found)}"


def direct(front: pd.DataFrame, dataset: str, *, explainer: str, S: float) -> str:
    """From which rivals ID-ExpO's accuracy at eta 3 differs by the paper's own test, of splits taken as independent."""
    rows, found = at(front, eta=3, dataset=dataset, explainer=explainer, S=S), []
    for rival in runs_id.RIVALS:
        gap = (runs_id.ours(rows, "accuracy") - runs_id.by_split(rows, "accuracy", method=rival)).dropna()
        if len(gap) > 1 and resampled(gap, ratio=0).p < claims.ALPHA:
            found.append(f"{rival} ({signed(gap.mean())})")
    return f"The paper's own test, which takes splits to be independent, finds a difference from {listed(found)} here."


def gain_over_majority(front: pd.DataFrame, known: pd.DataFrame) -> dict:
    """What CE-only's accuracy at eta 3 has over the majority class's on each table, and where that is within MARGIN."""
    gains = {}
    for dataset in runs_id.TABLES:
        accuracy = runs_id.by_split(front, "accuracy", dataset=dataset, method="CE-only", eta=3)
        gains[dataset] = (accuracy - majority(known, dataset)).mean()
    below = [name for name, gain in gains.items() if gain < claims.MARGIN]
    return {
        "gains": listed(f"{three(gain)} on {name}" for name, gain in gains.items()),
        "gains-below": ", ".join(below) or "no table",
    }


def expo_gains(tests: pd.DataFrame) -> dict:
    """Of the comparisons that ask whether ExpO helps, in how many it surely gains on CE-only, each by itself."""
    rows = tests[tests["claim"].isin(["ID-C4b", "ID-C4c", "ID-C4d"]) & (tests["splits"] > 1)]
    return {"expo-gains": f"{(rows['low'] > 0).sum() or 'none'} of {len(rows)}"}


def leads(tests: pd.DataFrame) -> dict:
    """Of ID-C8's leads in both scores, how many are above 0 in the mean."""
    rows = tests[tests["claim"].isin(["ID-C8a", "ID-C8b"]) & (tests["splits"] > 0)]
    up = int((rows["value"] > 0).sum())
    return {"leads": f"all {up} leads" if up == len(rows) else f"{up} of {len(rows)} leads"}
