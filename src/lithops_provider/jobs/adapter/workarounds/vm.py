"""
Completes Lithops's backend `vm`, by which functions run on a machine of one's own: its classes lack what the rest of
Lithops's standalone mode asks them for, here and on the machine, and it fills in no defaults of the mode. complete.py
calls `with_vm_defaults` for each configuration, and compute.py `mend_vm` before it opens a standalone backend.
"""

from __future__ import annotations

import importlib
import inspect
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MODULE = "lithops.standalone.backends.vm.vm"
_FILE = f"{_MODULE.replace('.', '/')}.py"
_MENDED = "mended_by_airflow"


def with_vm_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """
    Returns a configuration with the section ``standalone`` that other backends fill in by themselves.

    :param config: sections; ``lithops.backend`` is set. If it isn't ``vm``, nothing is added
    """
    from lithops.constants import SA_DEFAULT_CONFIG_KEYS

    if config["lithops"]["backend"] != "vm":
        return dict(config)
    section = dict(config.get("vm") or {})
    moved = {key: section.pop(key) for key in SA_DEFAULT_CONFIG_KEYS if key in section}  # as the other backends do
    # There is one machine, which exists: the other modes make machines.
    defaults = {**SA_DEFAULT_CONFIG_KEYS, "exec_mode": "consume"}
    return {**config, "vm": section, "standalone": {**defaults, **(config.get("standalone") or {}), **moved}}


def mend_vm(backend: str) -> None:
    """
    Lets Lithops use a machine of one's own: in this process and on the machine, which it copies itself to.

    :param backend: name of the compute backend; others are left alone
    """
    if backend != "vm":
        return
    module = importlib.import_module(_MODULE)
    if hasattr(module, _MENDED):
        return
    complete_classes(module)
    standalone = importlib.import_module("lithops.standalone.standalone")
    create = standalone.create_handler_zip

    def create_mended_zip(path: str, *arguments: Any) -> None:
        create(path, *arguments)
        _mend_archive(Path(path))

    standalone.create_handler_zip = create_mended_zip  # type: ignore[attr-defined]
    setattr(module, _MENDED, True)


def _mend_archive(path: Path) -> None:
    """Writes into an archive of Lithops what completes its classes."""
    addition = f"\n\nimport sys\nfrom typing import Any\n\n\n{inspect.getsource(complete_classes)}\n\n"
    addition += "complete_classes(sys.modules[__name__])\n"
    mended = path.with_name(f"{path.name}.mended")
    with zipfile.ZipFile(path) as lithops, zipfile.ZipFile(mended, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in lithops.infolist():
            content = lithops.read(entry)
            if entry.filename == _FILE:
                content += addition.encode()
            archive.writestr(entry, content)
    shutil.move(mended, path)


def complete_classes(module: Any) -> None:
    """
    Gives the classes of Lithops's module what they lack. On the machine, the source of this function is at the end of
    the module: it uses nothing from outside itself.

    :param module: Lithops's
    """
    import os

    from lithops.constants import CACHE_DIR

    instance_class, backend_class = module.VMInstance, module.VMBackend
    initialize = instance_class.__init__

    def initialize_all(self: Any, config: Any) -> None:
        user = config["ssh_username"]
        initialize(self, {**config, "ssh_user": user})  # it demands the one and reads the other
        self.name = "lithops-vm"
        self.instance_id = self.get_instance_id()
        self.instance_type = "vm"
        self.delete_on_dismantle = False
        self.home_dir = "/root" if user == "root" else f"/home/{user}"
        self.ssh_credentials = {"username": user}

    def get_instance(self: Any, name: str, **fields: Any) -> Any:
        found = instance_class(self.config)
        found.name = name
        for field, value in fields.items():
            if value is not None and hasattr(found, field):
                setattr(found, field, value)
        return found

    instance_class.__init__ = initialize_all
    backend_class.get_instance = get_instance
    backend_class.cache_dir = os.path.join(CACHE_DIR, "vm")
