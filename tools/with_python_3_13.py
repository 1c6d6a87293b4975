"""
Run a command where there is a ``python3.13``: here if it is on the PATH, else in a tree of Debian trixie, which has it.

    python3 tools/with_python_3_13.py python3.13 -m pytest tests/jobs

Debian's ``debootstrap`` makes the tree, in ``.debian-trixie``, once; that needs root. The command sees this checkout
and the user's home there as they are here, and has the same processes and the same network.
Needs nothing but Python's standard library.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / ".debian-trixie"
PYTHON = "python3.13"
PACKAGES = ("python3", "python3-venv", "ca-certificates", "git", "procps")
"""What the tests use of Debian; trixie's python3 is 3.13."""

# In a mount namespace of its own: what is mounted is gone when the command has ended, however it ends. The cache
# of uv, in the user's home, and the checkout are on different mounts there, between which it can make no links.
ENTER = """
tree=$1; here=$2; shift 2
for folder in /proc /sys /dev; do mount --rbind "$folder" "$tree$folder"; done
for folder in /etc/ssl/certs "$HOME" "$here"; do mkdir -p "$tree$folder"; mount --bind "$folder" "$tree$folder"; done
for file in resolv.conf hosts; do cp "/etc/$file" "$tree/etc/$file"; done
exec chroot "$tree" env --chdir="$here" UV_LINK_MODE=copy "$@"
"""


def main():
    """Become the command that the command line has."""
    command = sys.argv[1:]
    if not command:
        sys.exit(__doc__)
    if runs(PYTHON):
        os.execvp(command[0], command)
    if not TREE.exists():
        make_tree()
    enter = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", ENTER, "sh", str(TREE), str(ROOT)]
    os.execvp(enter[0], [*enter, *command])


def runs(program):
    """
    Whether a Python is there and starts: pyenv puts names of some on the PATH that don't.

    :param program: its name
    """
    if not shutil.which(program):
        return False
    return subprocess.run([program, "-c", ""], stderr=subprocess.DEVNULL, check=False).returncode == 0


def make_tree():
    """Make the tree, or end with what keeps it from being made."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"There is no {PYTHON} on the PATH. As root on Debian or Ubuntu, this command gets one by itself.")
    if not shutil.which("debootstrap"):
        run("apt-get", "update", "-q")
        run("apt-get", "install", "-q", "-y", "--no-install-recommends", "debootstrap")
    unfinished = TREE.with_name(TREE.name + ".unfinished")
    shutil.rmtree(str(unfinished), ignore_errors=True)
    run("debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), "trixie", str(unfinished))
    unfinished.rename(TREE)


def run(*command):
    """
    Show a command and run it; end with an error if it fails.

    :param command: the command and its arguments
    """
    print("+", *command, flush=True)
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"This failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
