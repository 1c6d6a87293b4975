"""
Install the project and its tools into ``.venv``; do nothing if that was done and nothing changed.

Needs nothing but Python and its standard library, and still parses on old ones, to say what it needs.

    python3 tools/bootstrap.py [--group dev] [--group peers] [--airflow 3.1] [--python 3.13] [--first-look]

With ``--first-look``, a first job is run as soon as what it needs is installed, long before Airflow is.
With ``--airflow``, an older Airflow, into ``.venv-3.1``, with the versions of ``constraints-airflow-3.1.txt``.
With ``--python``, for that Python, which has to be on the PATH, into ``.venv-python-3.13``.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
"""For each Python that has no ``constraints-<version>.txt``: some releases need another one."""
SUPPORTED = ((3, 10), (3, 13))
"""The first and the last version of Python that the project supports."""

NO_VENV = """
Python's own venv is not installed, and neither is virtualenv or uv. Install one of them, then try again:
  Debian, Ubuntu:  apt-get install python3-venv   (as root, or with sudo)
  elsewhere:       python3 -m pip install --user virtualenv
"""


def main():
    """Install what the command line asks for, unless it is there already."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", action="append", default=[], help="a dependency group of pyproject.toml")
    parser.add_argument("--airflow", help="an older Airflow, as 3.1, in a virtual environment of its own")
    parser.add_argument("--python", help="another Python, as 3.13, in a virtual environment of its own")
    parser.add_argument("--first-look", action="store_true", help="run a first job, before Airflow is installed")
    options = parser.parse_args()
    groups, airflow = options.group, options.airflow
    other = f"python-{options.python}" if options.python else airflow
    venv = ROOT / (f".venv-{other}" if other else ".venv")
    stamp = venv / "installed.sha256"
    made_from = [ROOT / "pyproject.toml", *sorted(ROOT.glob("constraints*.txt"))]
    version = fingerprint(made_from)
    installed = read_stamp(stamp, version)
    interpreter = venv / "bin" / "python"
    if installed is not None and installed.issuperset(groups):
        if options.first_look:
            first_look(interpreter)
        return
    python = find_python(options.python)
    if python != sys.executable:
        os.execv(python, [python, *sys.argv])
    say(f"Installing into {venv.name} with {python}. The first time takes a minute or two.")
    if not interpreter.exists():
        make_venv(venv, python)
    constraints = ROOT / f"constraints-airflow-{airflow}.txt" if airflow else choose_constraints(interpreter)
    uv = find_uv(venv, constraints, python)
    if options.first_look:
        say("Installing Lithops, without Airflow, for a first job")
        needed = ["--constraint", str(constraints), "lithops", "cloudpickle"]
        if attempt([*uv, "pip", "install", "--quiet", "--python", str(interpreter), *needed]):
            first_look(interpreter)
    say(f"Installing the project{''.join(f', group {group}' for group in groups)}, pinned by {constraints.name}")
    chosen = [option for group in groups for option in ("--group", f"{ROOT / 'pyproject.toml'}:{group}")]
    what = ["--constraint", str(constraints), *chosen, "--editable", str(ROOT)]
    if not attempt([*uv, "pip", "install", "--python", str(interpreter), "--compile-bytecode", *what]):
        say("uv could not do it. Trying pip, which has certificates and package indexes of its own; it is slower")
        pip = find_pip(interpreter, python) or sys.exit("There is no pip.")
        run([*pip, "install", "--quiet", "--upgrade", "pip"])  # to one of its own that knows --group
        run([str(interpreter), "-m", "pip", "install", *what])
    stamp.write_text("\n".join([version, *sorted((installed or set()).union(groups))]) + "\n")
    say("Installed.")


def first_look(interpreter):
    """
    Run a first job. If it fails, that is shown, and what the command was to do goes on.

    :param interpreter: that of the virtual environment
    """
    say("A first job, on this machine, by the jobs layer alone: Airflow comes next")
    # The package isn't installed yet. Processes that run functions import it, too.
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "src"))
    subprocess.run([str(interpreter), str(ROOT / "tools" / "first_look.py")], check=False, env=environment)


def fingerprint(made_from):
    """
    Return what identifies the versions of what is installed: the files that say which.

    :param made_from: the files
    """
    digest = hashlib.sha256()
    for path in made_from:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_stamp(stamp, version):
    """
    Return the dependency groups that are installed beside the project; None if nothing is, or other versions are.

    :param stamp: the file that says so: a line with the version, and one for each group
    :param version: what `fingerprint` returns
    """
    if not stamp.exists():
        return None
    found, *groups = stamp.read_text().split() or [""]
    return set(groups) if found == version else None


def find_python(version=None):
    """
    Return a Python of a version that the project supports: this one, or the newest on the PATH.

    :param version: the only one that will do, as 3.13
    """
    first, last = SUPPORTED
    if version:
        first = last = tuple(int(part) for part in version.split("."))
    if first <= sys.version_info[:2] <= last:
        return sys.executable
    for minor in range(last[1], first[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.run([found, "-c", ""], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return found
    sys.exit(
        f"This is Python {sys.version.split()[0]}, and there is no other one on the PATH. "
        f"Python {first[0]}.{first[1]} to {last[0]}.{last[1]} is needed."
    )


def make_venv(venv, python):
    """
    Make the virtual environment with whatever there is: venv, virtualenv, uv, or Debian's package for it.

    :param venv: its folder
    :param python: the interpreter that it is for
    """
    say(f"Making the virtual environment {venv.name}")
    if try_venv(venv, python):
        return
    print("Python's venv can't do it here (no pip, and no ensurepip).", flush=True)
    for tool in (["virtualenv"], [python, "-m", "virtualenv"], ["uv", "venv"], [python, "-m", "uv", "venv"]):
        if works(tool):
            clear(venv)
            run([*tool, "--python", python, str(venv)])
            return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        version = subprocess.run(
            [python, "-c", "import sys; print('python%d.%d-venv' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        say(f"Installing Debian's {version}")
        run(["apt-get", "update", "-q"])
        run(["apt-get", "install", "-q", "-y", "--no-install-recommends", version])
        if try_venv(venv, python):
            return
    sys.exit(NO_VENV)


def try_venv(venv, python):
    """
    Make the virtual environment with Python's own venv; return whether that worked. It gets a pip of its own only if
    that of the Python can't install into it: to bring one takes longer than all else until the first job.

    :param venv: its folder
    :param python: the interpreter that it is for
    """
    if subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode:
        return False
    clear(venv)
    run([python, "-m", "venv", "--without-pip", str(venv)])
    interpreter = venv / "bin" / "python"
    if find_pip(interpreter, python):
        return True
    if subprocess.run([str(interpreter), "-c", "import ensurepip"], capture_output=True, check=False).returncode:
        return False
    run([str(interpreter), "-m", "ensurepip", "--default-pip"])
    return True


def find_pip(interpreter, python):
    """
    Return the command of a pip that installs into the virtual environment: its own, or that of the Python it is for. An
    empty list if there is none, or only one from before ``--python``.

    :param interpreter: that of the virtual environment
    :param python: the Python it is for
    """
    commands = [[str(interpreter), "-m", "pip"], [python, "-m", "pip", "--python", str(interpreter)]]
    return next(filter(works, commands), [])


def clear(venv):
    """
    Remove what is there of a virtual environment that has no interpreter.

    :param venv: its folder
    """
    if venv.exists():
        shutil.rmtree(venv)


def choose_constraints(interpreter):
    """
    Return the file with the versions that fit a Python.

    :param interpreter: that of the virtual environment
    """
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(interpreter), "-c", program], capture_output=True, text=True, check=True)
    own = ROOT / f"constraints-{done.stdout.strip()}.txt"
    return own if own.exists() else CONSTRAINTS


def find_uv(venv, constraints, python):
    """
    Return the command of a uv: that of the virtual environment, installed by pip, or the one on the PATH.

    :param venv: its folder
    :param constraints: file that pins its version
    :param python: the Python that the virtual environment is for
    """
    own = [str(venv / "bin" / "uv")]
    if works(own):
        return own
    pip = find_pip(venv / "bin" / "python", python)
    if pip:
        say("Installing uv, which installs the rest")
        run([*pip, "install", "--quiet", "--constraint", str(constraints), "uv"])
        return own
    if works(["uv"]):
        return ["uv"]
    sys.exit(f"There is no pip for {venv}, and no uv on the PATH. Remove {venv} and try again.")


def works(command):
    """
    Whether a tool is there and starts.

    :param command: the tool, as a list
    """
    if not shutil.which(command[0]):
        return False
    return subprocess.run([*command, "--help"], capture_output=True, check=False).returncode == 0


def attempt(command):
    """
    Show a command and run it; return whether it succeeded.

    :param command: the command, as a list
    """
    print("+", " ".join(command).replace(f"{ROOT}/", "").replace(str(ROOT), "."), flush=True)
    return subprocess.run(command, check=False, cwd=str(ROOT)).returncode == 0


def run(command):
    """
    Show a command and run it; end with an error if it fails.

    :param command: the command, as a list
    """
    if not attempt(command):
        sys.exit(f"This failed: {' '.join(command)}")


def say(text):
    """
    Tell the user what happens now.

    :param text: one line
    """
    print(f"== {text}", flush=True)


if __name__ == "__main__":
    main()
