# Everything a developer does here. CI calls the same targets and has no logic of its own.
.DEFAULT_GOAL := help
.PHONY: help setup run web test test-web test-clients test-shifted check check-supply fmt images e2e chart bench bench-job bench-fair bench-load bench-operator bench-pod bench-batch bench-two bench-soak bench-hostile chaos fuzz fuzz-api lock docs
BIN := .venv/bin
STAMP := .venv/ready
MEMBERS := contract api operator worker cli
PYTHON_FILES := $(MEMBERS:%=%/src) charts tests tools
# Options for the program behind a target: make run ARGS="--port 9000", make test ARGS="-k durable".
ARGS :=

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything into .venv, at the locked versions

$(STAMP): requirements.lock $(MEMBERS:%=%/pyproject.toml) tools/setup
	@tools/setup .venv $(MEMBERS)
	@touch $@

run: setup ## Run everything on this machine, until Ctrl-C
	@tools/web --optional
	@exec $(BIN)/imagejobs local $(ARGS)

web: ## Build the page at / into the API's package (needs Node 20.19 or newer)
	@tools/web

test-web: setup ## Test the page in Chromium against everything run here (needs Node and chromium; skips without)
	@tools/test-web $(ARGS)

test: setup ## Test everything but e2e against real servers (compiles a control plane, helm and linters once if Go is installed: minutes)
	@tests/programs/with $(BIN)/pytest -n 2 --dist loadfile $(ARGS)

test-clients: setup ## Generate clients from the OpenAPI document and call everything with each (TypeScript, Python, Go; skips what is not here)
	@tools/test-clients $(ARGS)

test-shifted: setup ## Test on another day, in another zone, in a random order, beside a busy core; ARGS="+40d Asia/Kathmandu 7" repeats a run
	@tests/programs/with tests/programs/shifted $(ARGS)

check: setup ## Check without changing a file: format, lint, types, layers, layout, members, generated pages
	@$(BIN)/ruff format --check $(PYTHON_FILES)
	@$(BIN)/ruff check $(PYTHON_FILES)
	@$(BIN)/mypy
	@$(BIN)/mypy tools
	@# The benches, fuzzers and chaos run by hand only: that the names they use exist is seen here.
	@MYPYPATH=tests:tests/bench:tests/fuzz:contract/src:api/src:operator/src:worker/src:cli/src $(BIN)/mypy --config-file= --ignore-missing-imports \
	  --disable-error-code=arg-type --disable-error-code=assignment --disable-error-code=return-value tests/bench/*.py tests/fuzz/*.py tests/chaos/seeds.py tests/chaos/lives.py
	@$(BIN)/lint-imports
	@$(BIN)/python tools/layout.py
	@$(BIN)/python tools/settings_page.py --check
	@$(BIN)/python tools/error_docs.py --check
	@$(BIN)/python tools/metrics_page.py --check
	@$(BIN)/python tools/members_alone.py

check-supply: setup ## Check who made what we build on: everything pinned, workflows that give nothing away (actionlint, zizmor)
	@$(BIN)/python tools/supply.py
	@tests/programs/with actionlint .github/workflows/*.yaml
	@tests/programs/with zizmor --offline --quiet --no-progress .github

fmt: setup ## Format, and fix what can be fixed
	@$(BIN)/ruff check --fix --quiet $(PYTHON_FILES) || true
	@$(BIN)/ruff format $(PYTHON_FILES)

docs: setup ## Write the generated pages again
	@$(BIN)/python tools/settings_page.py
	@$(BIN)/python tools/error_docs.py
	@$(BIN)/python tools/metrics_page.py

chart: setup ## Write the chart's generated files again (its copies of manifests, manifests/install.yaml, the table of values)
	@tests/programs/with $(BIN)/python tools/chart.py

images: setup ## Build the container images and print their sizes; BASE_IMAGE=..., ARGS="--tag 1.2.3 --kind CLUSTER"
	@tools/web --optional
	@$(BIN)/python tools/images.py $(ARGS)

e2e: setup ## Install everything into a kind cluster and test it as a client and as an administrator (10 minutes; needs docker, kind, kubectl, helm)
	@tests/e2e/run $(ARGS)

bench: setup ## Measure the worker against sharp and pyvips (minutes); ARGS="FOLDER" uses your photos
	@PYTHONPATH=tests $(BIN)/python tests/bench/compare.py $(ARGS)

bench-job: setup ## Measure one small image from POST to the finished answer, and T1 beside it
	@PYTHONPATH=tests $(BIN)/python tests/bench/small_job.py $(ARGS)

bench-fair: setup ## Measure one caller's photo while two others fill the pool; ARGS="--seconds 20" for a quick run
	@PYTHONPATH=tests $(BIN)/python tests/bench/fair.py $(ARGS)

bench-load: setup ## Measure the whole service under load beside a Node server with sharp on the same storage (5 minutes)
	@PYTHONPATH=tests $(BIN)/python tests/bench/load.py $(ARGS)

bench-pod: setup ## Measure what one image costs a pod of a Job, from exec to exit; ARGS="--images 60 --parallel 2" for many
	@PYTHONPATH=tests $(BIN)/python tests/bench/pod.py $(ARGS)

bench-operator: setup ## Measure what the operator costs on a real control plane; ARGS="--jobs 200 --objects 500 --rest-seconds 20" for a quick run
	@PYTHONPATH=tests $(BIN)/python tests/bench/operator_scale.py $(ARGS)

bench-batch: setup ## Measure how busy a batch keeps the decoders, and which processes use the cores beside them
	@PYTHONPATH=tests $(BIN)/python tests/bench/batch.py $(ARGS)

bench-two: setup ## Measure two workers on two cores against one
	@PYTHONPATH=tests $(BIN)/python tests/bench/two_workers.py $(ARGS)

bench-soak: setup ## Load the whole service for 20 minutes and check that nothing grows
	@PYTHONPATH=tests $(BIN)/python tests/bench/soak.py $(ARGS)

bench-hostile: setup ## Measure what hostile files and the cage cost, and memory over 2,000 images
	@PYTHONPATH=tests $(BIN)/python tests/bench/hostile.py $(ARGS)

chaos: setup ## Break everything on one machine at random and check that no image is lost (3 minutes); ARGS="--seeds 200" for more, "--seed 17" for one again, "--cluster" for Kubernetes
	@PYTHONPATH=tests $(BIN)/python tests/chaos/seeds.py $(ARGS)

fuzz: setup ## Feed damaged files to the image work for a minute; ARGS="--seconds 1800" for longer
	@PYTHONPATH=tests $(BIN)/python tests/fuzz/run.py $(ARGS)

fuzz-api: setup ## Send the API ten minutes of requests made from its OpenAPI document, right and wrong; ARGS="--seconds 60 --seed 1"
	@PYTHONPATH=tests $(BIN)/python tests/fuzz/api.py $(ARGS)

lock: setup ## Take the newest versions that pyproject.toml allows into requirements.lock
	@$(BIN)/uv lock --upgrade
	@$(BIN)/uv export --quiet --frozen --all-packages --all-extras --all-groups --no-emit-workspace --no-annotate --no-header -o requirements.lock
