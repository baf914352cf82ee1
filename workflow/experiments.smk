"""The grids of full runs of both papers: one notebook for each cell, one file of records for each notebook.

`make experiments` runs what is missing, two at a time; finished cells are kept, a killed one resumes from its
checkpoint, a failed one does not stop the rest. On a cluster: snakemake --snakefile workflow/experiments.smk --executor slurm.
"""

import os

GATED, PLAIN = ["Ours", "RPSR", "PretrainR"], ["Joint", "RPS", "Pretrain"]
ETAS = "0,1e-4,1e-3,1e-2,1e-1,1"
LAMBDAS = ["0.01", "0.1", "10", "100"]  # 1 is in the main grid
CIFAR10 = config.get("cifar10", "cifar10-efficientnet-lite0")  # cifar10-resnet18 where its weights can be fetched
DEVICE, THREADS = config.get("device", "cpu"), config.get("threads", 1)
MIXED = config.get("mixed", False)  # ID on tables in mixed precision

TEN = list(range(10))
SPLITS = {"glass": TEN, "vehicle": TEN, "segment": config.get("segment_splits", TEN),
          CIFAR10: config.get("cifar10_splits", TEN)}  # fmt: skip
EXTRA = {CIFAR10: "-p hidden 512 -p patience_steps 5000"}  # a wider net, and the only costly one
os.environ["OMP_NUM_THREADS"] = str(THREADS)


def cell(data, method, lam="1"):
    return f"results/fe/{data}/{method}-lambda{lam}.parquet"


MAIN = {data: [cell(data, method) for method in GATED + PLAIN] for data in SPLITS}
LAMBDA = {data: [cell(data, "Ours", lam) for lam in LAMBDAS] for data in SPLITS}


# ID on tables. --config id_grid=small: one learning rate and one weight of |phi|^2 instead of two of each
TABLES = ["collins", "qsar-biodeg", "wine-quality-red", "steel-plates-fault", "mfeat-fourier",
          "one-hundred-plants-shape", "collins-23"]  # fmt: skip
LAMS = "0.1,0.01,0.001"
LAM3S, LRS = {"full": ("0.001,0", "0.01,0.001"), "small": ("0.001", "0.01")}[config.get("id_grid", "full")]


def id_cells(data):
    """Rivals, trained once for all explainers and S; ID-ExpO for each of them; Del-B and Del-C with LIME."""
    rivals = [f"results/id/{data}/{method}.parquet" for method in ("CE-only", "ExpO-S", "ExpO-F")]
    others = [] if data == "collins-23" else [("LIME", "B"), ("LIME", "C")]
    forms = [("LIME", "A"), ("KernelSHAP", "A"), *others]
    return rivals + [f"results/id/{data}/ID-ExpO-{e}-S{S}-{form}.parquet" for e, form in forms for S in ("0.3", "0.5")]


# one cell of two tables, LIME with S = 0.3 Q, always in single precision
SINGLE = [f"results/single/{data}.parquet" for data in ("collins", "qsar-biodeg")]


rule all:
    input:
        MAIN.values(),
        LAMBDA.values(),
        [id_cells(data) for data in TABLES],
        SINGLE,


rule fe:
    input:
        MAIN.values(),
        LAMBDA.values(),


rule id:
    input:
        [id_cells(data) for data in TABLES],
        SINGLE,


for data in SPLITS:

    rule:
        name:
            f"main_{data}"
        input:
            MAIN[data],


for data in LAMBDA:

    rule:
        name:
            f"lambda_{data}"
        input:
            LAMBDA[data],


rule cell:
    input:
        notebook=ancient("notebooks/experiments/fewer_examples.py"),
    output:
        "results/fe/{data}/{method}-lambda{lam}.parquet",
    params:
        etas=lambda w: ETAS if w.method in GATED else "0",
        splits=lambda w: ",".join(map(str, SPLITS[w.data])),
        extra=lambda w: EXTRA.get(w.data, ""),
        stage1=lambda w: f"-p stage1 runs/{w.data}-stage1.pt" if w.method.startswith("Pretrain") else "",
        run=lambda w: f"runs/{w.data}-{w.method}-lambda{w.lam}",
    threads: THREADS
    shell:
        "python -m lib.run {input.notebook} {params.run}.ipynb -p data {wildcards.data} -p method {wildcards.method}"
        " -p etas {params.etas} -p lambdas {wildcards.lam} -p splits {params.splits} -p device {DEVICE}"
        " -p threads {threads} -p checkpoint {params.run}.pt {params.stage1} {params.extra} -p out {output}"


rule id_expo:
    input:
        notebook=ancient("notebooks/experiments/insertion_deletion_tabular.py"),
    output:
        "results/id/{data}/ID-ExpO-{explainer}-S{S}-{form}.parquet",
    params:
        run=lambda w: f"runs/{w.data}-ID-ExpO-{w.explainer}-S{w.S}-{w.form}",
    threads: THREADS
    shell:
        "python -m lib.run {input.notebook} {params.run}.ipynb -p data {wildcards.data} -p method ID-ExpO"
        " -p explainers {wildcards.explainer} -p S_values {wildcards.S} -p deletion {wildcards.form}"
        " -p lams {LAMS} -p lam3s {LAM3S} -p lrs {LRS} -p mixed {MIXED} -p device {DEVICE}"
        " -p threads {threads} -p checkpoint {params.run}.pt -p out {output}"


rule id_rival:
    input:
        notebook=ancient("notebooks/experiments/insertion_deletion_tabular.py"),
    output:
        "results/id/{data}/{method}.parquet",
    wildcard_constraints:
        method="CE-only|ExpO-S|ExpO-F",
    params:
        run=lambda w: f"runs/{w.data}-{w.method}",
        lams=lambda w: "0" if w.method == "CE-only" else LAMS,
    threads: THREADS
    shell:
        "python -m lib.run {input.notebook} {params.run}.ipynb -p data {wildcards.data} -p method {wildcards.method}"
        " -p explainers LIME,KernelSHAP -p S_values 0.3,0.5 -p lams {params.lams} -p lam3s 0 -p lrs {LRS}"
        " -p mixed {MIXED} -p device {DEVICE} -p threads {threads} -p checkpoint {params.run}.pt -p out {output}"


rule id_single:
    input:
        notebook=ancient("notebooks/experiments/insertion_deletion_tabular.py"),
    output:
        "results/single/{data}.parquet",
    params:
        run=lambda w: f"runs/{w.data}-single",
    threads: THREADS
    shell:
        "python -m lib.run {input.notebook} {params.run}.ipynb -p data {wildcards.data} -p method ID-ExpO"
        " -p explainers LIME -p S_values 0.3 -p lams {LAMS} -p lam3s {LAM3S} -p lrs {LRS} -p device {DEVICE}"
        " -p threads {threads} -p checkpoint {params.run}.pt -p out {output}"
