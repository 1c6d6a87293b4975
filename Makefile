# Every command that a developer or CI needs. They install what they need into .venv by themselves.

PYTHON ?= python3
# To run some tests only: make integration TESTS=tests/airflow/test_stack.py ARGS='-q --durations=10'
TESTS ?=
ARGS ?=
# What runs the tasks of make ui: local, lithops.
EXECUTOR ?= local
VENV := .venv/bin
RESOLVE := $(VENV)/uv pip compile --quiet --upgrade --no-annotate --no-header
COMPILE := $(RESOLVE) --group dev --group backends --group celery --group more-backends pyproject.toml
# Of a running Airflow, what is tried on another Python.
SMOKE := tests/airflow/test_stack.py tests/airflow/test_taskflow.py
# What is tried on an Airflow that is neither the oldest nor the newest.
SMALLER := $(wildcard tests/test_*.py) tests/jobs $(SMOKE) tests/airflow/test_cancelling.py \
	tests/airflow/test_page.py tests/airflow/test_connection_form.py

# Whoever ends make ends the shells that it has started, and not what those have started: exec leaves no shell.
PYTEST := exec $(VENV)/python -m pytest

# What make test leaves to make test-all.
NOT_ALL := -m "not more_backends and not thorough"
UNIT := --ignore=tests/airflow --ignore=tests/backends
CELERY := tests/airflow/test_celery.py
# Two processes run the unit tests: more only share the cores of a small machine, and of a large one others use the rest.
SIDE_BY_SIDE := --numprocesses=2 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help install install-servers install-more-servers demo ui test test-all lint types unit integration celery backends
.PHONY: typing docs thorough test-matrix airflow-3.1 airflow-3.2 python-3.13 coverage repeat build bench bench-peers constraints clean
.NOTPARALLEL:

# Where this is set, Airflow compiles itself anew at every start.
unexport PYTHONDONTWRITEBYTECODE
# What the shell has in mind for another project's Python or Airflow is not for ours.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV AIRFLOW_HOME LITHOPS_CONFIG LITHOPS_CONFIG_FILE

# An old Airflow doesn't run with what its dependencies have become since: it gets those of the time of its last
# release, as its own constraints have them.
define compile_airflow
mkdir -p build
printf 'apache-airflow==$(1).*\napache-airflow-providers-git\n' | $(RESOLVE) --python-version 3.11 --exclude-newer $(2) - \
	> build/airflow-$(1).txt
$(COMPILE) --python-version 3.11 --constraint build/airflow-$(1).txt --output-file constraints-airflow-$(1).txt
endef

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## install the project and its tools into .venv (every other command does that by itself)
	@$(PYTHON) tools/bootstrap.py --group demo --group dev

install-servers: install
	@$(PYTHON) tools/bootstrap.py --group dev --group backends --group celery

install-more-servers: install-servers
	@$(PYTHON) tools/bootstrap.py --group dev --group backends --group celery --group more-backends

demo: ## a first job within a minute, then two example DAGs under a real Airflow, with their results
	@$(PYTHON) tools/bootstrap.py --group demo --first-look
	@$(VENV)/python -m tools.demo

ui: install ## open that Airflow's web interface on localhost, until Ctrl-C; EXECUTOR=lithops has Lithops run its tasks
	@$(VENV)/python -m tools.ui $(EXECUTOR)

test: lint install-servers ## all that CI runs: lint, types, build, unit, integration, backends
	@exec $(VENV)/python -m tools.side_by_side "types build unit celery" backends integration

test-all: test thorough test-matrix ## before a release: all of make test, what it leaves out, and older Airflows

lint: install ## ruff: rules and format
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .

types: install ## mypy, strict
	$(VENV)/mypy

typing: install ## a user's program under mypy and pyright, against the package as installed
	@$(PYTHON) tools/bootstrap.py --group dev --group typing
	$(VENV)/python -m tools.user_typing

docs: install ## the documentation as a site, into build/site, with every warning an error
	@$(PYTHON) tools/bootstrap.py --group dev --group docs
	@mkdir -p build
	$(VENV)/towncrier build --draft --version next > build/changelog.md
	NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict --clean
	$(VENV)/python -m tools.site_check

unit: install ## tests that need no running Airflow
	$(PYTEST) $(SIDE_BY_SIDE) $(NOT_ALL) $(or $(TESTS),$(UNIT)) $(ARGS)

integration: install-servers ## tests under a real scheduler, api-server, dag-processor and triggerer
	$(PYTEST) $(NOT_ALL) $(or $(TESTS),tests/airflow --ignore=$(CELERY)) $(ARGS)

celery: install-servers ## the same on PostgreSQL, with tasks that a Celery worker runs
	$(PYTEST) $(CELERY) $(ARGS)

backends: install-servers ## tests against real servers, which they install (as root), start and stop
	$(PYTEST) $(NOT_ALL) $(or $(TESTS),tests/backends) $(ARGS)

thorough: install-more-servers ## what make test leaves out: more backends, and what takes long and shows little more
	$(PYTEST) -m "more_backends or thorough" $(or $(TESTS),tests) $(ARGS)

coverage: install-servers ## what make test reaches of the code, lines and branches, in all processes: build/coverage
	@$(VENV)/python -m tools.coverage $(NOT_ALL) $(or $(TESTS),tests) $(ARGS)

repeat: ## make test ten times, five of them beside a process that burns all cores; the record is build/repeat.md
	@$(PYTHON) -m tools.repeat $(ARGS)

test-matrix: airflow-3.1 airflow-3.2 python-3.13 ## unit and integration tests on Airflow 3.1; some of them on 3.2, and on Python 3.13

airflow-3.1:
	@$(PYTHON) tools/bootstrap.py --airflow 3.1 --group dev --group backends
	exec .venv-3.1/bin/python -m pytest $(or $(TESTS),--ignore=tests/airflow --ignore=tests/backends) $(ARGS)
	$(if $(TESTS),,exec .venv-3.1/bin/python -m pytest tests/airflow $(ARGS))

airflow-3.2:
	@$(PYTHON) tools/bootstrap.py --airflow 3.2 --group dev --group backends
	exec .venv-3.2/bin/python -m pytest -W "ignore:SelectableGroups" $(or $(TESTS),$(SMALLER)) $(ARGS) # OpenTelemetry's of then

# Debian trixie's, where there is none.
python-3.13:
	@$(PYTHON) tools/with_python_3_13.py python3.13 tools/bootstrap.py --python 3.13 --group dev --group backends
	$(PYTHON) tools/with_python_3_13.py .venv-python-3.13/bin/python -m pytest $(NOT_ALL) \
		$(or $(TESTS),$(UNIT) $(SIDE_BY_SIDE)) $(ARGS)
	$(if $(TESTS),,$(PYTHON) tools/with_python_3_13.py .venv-python-3.13/bin/python -m pytest $(SMOKE) $(ARGS))

build: install ## build wheel and sdist, and try the wheel in a fresh environment
	$(VENV)/uv build --quiet --clear --build-constraint constraints.txt
	$(VENV)/python -m tools.wheel_smoke

bench: install-servers ## the benchmarks, as a table and as benchmarks/results.json
	@$(VENV)/python -m benchmarks $(ARGS)

bench-peers: install ## the same beside Ray and Dask, installed for it
	@$(VENV)/python -m benchmarks --peers $(ARGS)

constraints: install ## pin the newest versions of everything that .venv gets; then run the tests
	$(COMPILE) --group celery --group docs --group typing --python-version 3.11 --output-file constraints.txt
	$(COMPILE) --group celery --group docs --group typing --python-version 3.10 --output-file constraints-3.10.txt
	$(COMPILE) --group celery --group docs --group typing --python-version 3.13 --output-file constraints-3.13.txt
	$(call compile_airflow,3.1,2026-03-31)
	$(call compile_airflow,3.2,2026-05-31)

clean: ## remove .venv and everything that was built or cached
	rm -rf .venv .venv-* .debian-trixie* .airflow build dist .pytest_cache .mypy_cache .ruff_cache htmlcov .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
