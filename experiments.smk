"""The grid of full runs: one notebook for each cell, one file of records for each notebook.

`make experiments` runs what is missing, two at a time; finished cells are kept, a killed one resumes from its
checkpoint, a failed one does not stop the rest. On a cluster: snakemake --snakefile experiments.smk --executor slurm.
"""

import os

GATED, PLAIN = ["Ours", "RPSR", "PretrainR"], ["Joint", "RPS", "Pretrain"]
ETAS = ["0", "1e-4", "1e-3", "1e-2", "1e-1", "1"]
LAMBDAS = ["0.01", "0.1", "10", "100"]  # 1 is in the main grid
CIFAR10 = config.get("cifar10", "cifar10-efficientnet-lite0")  # cifar10-resnet18 where its weights can be fetched
DEVICE, THREADS = config.get("device", "cpu"), config.get("threads", 1)

TEN = list(range(10))
SPLITS = {"glass": TEN, "vehicle": TEN, "segment": config.get("segment_splits", TEN),
          CIFAR10: config.get("cifar10_splits", TEN)}  # fmt: skip
EXTRA = {CIFAR10: "-p hidden 512"}
os.environ["OMP_NUM_THREADS"] = str(THREADS)


def etas(method):
    return ETAS if method in GATED else ["0"]


def cell(data, method, eta, lam="1"):
    return f"results/fe/{data}/{method}-eta{eta}-lambda{lam}.parquet"


MAIN = {data: [cell(data, m, e) for m in GATED + PLAIN for e in etas(m)] for data in SPLITS}
LAMBDA = {data: [cell(data, "Ours", e, l) for l in LAMBDAS for e in ETAS] for data in ("glass", "vehicle")}


rule all:
    input:
        MAIN.values(),
        LAMBDA.values(),


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
        "results/fe/{data}/{method}-eta{eta}-lambda{lam}.parquet",
    params:
        splits=lambda w: ",".join(map(str, SPLITS[w.data])),
        extra=lambda w: EXTRA.get(w.data, ""),
        stage1=lambda w: f"-p stage1 runs/{w.data}-stage1.pt" if w.method.startswith("Pretrain") else "",
    threads: THREADS
    shell:
        "python -m lib.run {input.notebook} runs/{wildcards.data}-{wildcards.method}-eta{wildcards.eta}"
        "-lambda{wildcards.lam}.ipynb -p data {wildcards.data} -p method {wildcards.method} -p etas {wildcards.eta}"
        " -p lambdas {wildcards.lam} -p splits {params.splits} -p device {DEVICE} -p threads {threads}"
        " -p checkpoint runs/{wildcards.data}-{wildcards.method}-eta{wildcards.eta}-lambda{wildcards.lam}.pt"
        " {params.stage1} {params.extra} -p out {output}"
