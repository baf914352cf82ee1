"""The grid of full runs: one notebook for each cell, one file of records for each notebook.

`make experiments` runs what is missing, two at a time; finished cells are kept, a killed one resumes from its
checkpoint, a failed one does not stop the rest. On a cluster: snakemake --snakefile experiments.smk --executor slurm.
"""

import os

GATED, PLAIN = ["Ours", "RPSR", "PretrainR"], ["Joint", "RPS", "Pretrain"]
ETAS = "0,1e-4,1e-3,1e-2,1e-1,1"
LAMBDAS = ["0.01", "0.1", "10", "100"]  # 1 is in the main grid
CIFAR10 = config.get("cifar10", "cifar10-efficientnet-lite0")  # cifar10-resnet18 where its weights can be fetched
DEVICE, THREADS = config.get("device", "cpu"), config.get("threads", 1)

TEN = list(range(10))
SPLITS = {"glass": TEN, "vehicle": TEN, "segment": config.get("segment_splits", TEN),
          CIFAR10: config.get("cifar10_splits", TEN)}  # fmt: skip
EXTRA = {CIFAR10: "-p hidden 512 -p patience_steps 5000"}  # a wider net, and the only costly one
os.environ["OMP_NUM_THREADS"] = str(THREADS)


def cell(data, method, lam="1"):
    return f"results/fe/{data}/{method}-lambda{lam}.parquet"


MAIN = {data: [cell(data, method) for method in GATED + PLAIN] for data in SPLITS}
LAMBDA = {data: [cell(data, "Ours", lam) for lam in LAMBDAS] for data in SPLITS}


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
