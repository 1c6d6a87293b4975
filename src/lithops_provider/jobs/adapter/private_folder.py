"""
Makes and checks the folder in which Lithops keeps everything of localhost: storage, job files with their credentials,
code that runners import. Lithops itself would make it readable to all users of the machine, and use one that another
user has made. storage.py and localhost.py call this before they use the folder.
"""

from __future__ import annotations

import logging
import os
import stat

from lithops_provider.jobs.errors import ConfigurationError

logger = logging.getLogger(__name__)

_ELSEWHERE = "delete it, or set the environment variable TMPDIR to a folder of your own, for all processes of Airflow"


def lithops_folder() -> str:
    """
    Returns Lithops's folder on this machine, and makes it if there is none. Only the user of this process can look into
    it, so that files in it are safe from others even if their own mode is open.

    :raises ConfigurationError: somebody else has made the folder, or could have put something into it
    """
    from lithops.constants import LITHOPS_TEMP_DIR, TEMP_DIR

    _check_parent(TEMP_DIR)
    return make_private(LITHOPS_TEMP_DIR)


def make_private(folder: str) -> str:
    """
    Returns a folder that only this process's user can look into. It is made if there is none.

    :param folder: its path; what is above it must exist
    :raises ConfigurationError: it is another user's, a link, or others could write into it
    """
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigurationError(f"Lithops's folder {folder} can't be made: {error.strerror}; {_ELSEWHERE}") from error
    try:
        # It is opened once, and checked and changed through the descriptor: another folder could take over its name
        # in between.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise ConfigurationError(
            f"Lithops's folder {folder} is no folder of this user, but a link, a file, or another user's; {_ELSEWHERE}"
        ) from error
    try:
        _close_to_others(folder, descriptor)
    finally:
        os.close(descriptor)
    return folder


def _close_to_others(folder: str, descriptor: int) -> None:
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid():
        raise ConfigurationError(
            f"Lithops's folder {folder} belongs to the user with the id {found.st_uid}, who could have functions run "
            f"other code; this process is user {os.geteuid()}; {_ELSEWHERE}"
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077 == 0:
        return
    os.fchmod(descriptor, 0o700)
    if mode & 0o022 and not _only_folders(folder):
        os.fchmod(descriptor, mode)  # put back, so that the folder is refused the next time, too
        raise ConfigurationError(
            f"others could write to Lithops's folder {folder}, whose mode is {mode:04o}, and could have put code into "
            f"it; {_ELSEWHERE}"
        )
    logger.info("Lithops's folder %s was open to others, mode %04o, and no longer is", folder, mode)


def _only_folders(folder: str) -> bool:
    """
    Tells whether a folder holds nothing but folders of this user. `import lithops` makes such folders, open to others,
    and they are no reason to distrust the folder.
    """
    for path, folders, files in os.walk(folder):
        found = [os.lstat(os.path.join(path, name)) for name in folders]
        if files or any(not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid() for entry in found):
            return False
    return True


def _check_parent(parent: str) -> None:
    """Checks that no other user can replace a folder within ``parent`` after it was checked."""
    mode = os.stat(parent).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise ConfigurationError(
            f"every user of this machine can replace folders in {parent}, whose mode is {stat.S_IMODE(mode):04o}; run "
            f"chmod +t {parent}, or set the environment variable TMPDIR to a folder of your own, for all processes of "
            "Airflow"
        )


def make_private_file(path: str) -> None:
    """
    Makes an empty file that only this process's user can read. Lithops then writes to it, and its mode stays.

    :param path: its path, in a folder that nobody else can write to
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
