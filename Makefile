# The front door. `make` alone lists what there is.
PYTHON ?= python3
CORES ?= 2
BIN := .venv/bin
export PYTHONPATH := $(CURDIR)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

book: .venv/installed ## execute the chapters that need it and build _build/html/index.html
	@$(BIN)/snakemake --snakefile workflow/Snakefile --cores $(CORES) --nolock --rerun-incomplete --quiet all || \
	  { echo "Stopped. If nothing above says why: $(BIN)/snakemake --snakefile workflow/Snakefile --cores 1 --nolock" >&2; exit 1; }
	@$(BIN)/python -m book.pages times

test: lint book ## lint, types, unit and property tests, references, and the built book in a browser
	$(BIN)/pytest -n $(CORES) --dist loadfile --nbval

pdf: book ## print the book as _build/book.pdf, with Chromium
	@$(BIN)/jupyter-book build book --path-output . --builder singlehtml --quiet > _build/pdf.log 2>&1 || { cat _build/pdf.log; exit 1; }
	@$(BIN)/python -m book.pdf _build/singlehtml _build/book.pdf

lint: .venv/installed ## what the commit hooks run: rules, format, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

experiments: .venv/installed ## run what is missing of the grids: DRY=1 ONLY="id collins" BUDGET=10m PROFILE=slurm
	@$(BIN)/python -m workflow.experiments --cores $(CORES) --only "$(ONLY)" --budget "$(BUDGET)" --config "$(CONFIG)" \
	  --profile "$(PROFILE)" --closed "$(CLOSED)" $(if $(DRY),--dry)

test-slurm: .venv/installed ## the grid on a Slurm of one node that it starts: as root, with slurm-wlm and munge
	@$(BIN)/python -m tests.faults

reference: book ## write what the short chapters print to tests/reference, for nbval to compare with
	$(BIN)/python -m tests.test_references

bench: .venv/installed ## time lib against the plain loops, into results/bench: ONLY="fe_segment_10_runs"; against a commit: BEFORE=main
	@$(BIN)/python -m tests.bench $(ONLY) $(if $(BEFORE),--before $(BEFORE))

lock: .venv/installed ## write requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group book --group cluster --group edit --group images --group test --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --quiet --output-file requirements.lock

clean: ## remove what `make book` made; .venv and results stay
	rm -rf _build book/notebooks book/equations.md book/faults.md book/status.md

# uv itself comes from the lock too: pip installs it, checked by its hashes, and it installs the rest. lib.pth lets every
# kernel of this environment find lib, from whatever folder a notebook is opened or run in.
.venv/installed: requirements.lock
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && sed -n '/^uv==/,/# via/p' $< > .venv/uv.txt && \
	  $(BIN)/pip install --quiet --require-hashes --requirement .venv/uv.txt; }
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes $<
	@echo "$(CURDIR)" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/lib.pth"
	@touch $@

.PHONY: help book test test-slurm pdf lint experiments reference bench lock clean
