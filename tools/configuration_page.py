"""Write docs/configuration.md from what the provider tells Airflow of its options. A test holds them equal."""

from __future__ import annotations

from lithops_provider.get_provider_info import get_provider_info
from tools.session import ROOT

PAGE = ROOT / "docs" / "configuration.md"
HEAD = """\
# Configuration

Options of the sections `[lithops]` and `[lithops_executor]` of Airflow's configuration. They hold for all tasks of an
installation, and are set as every option of Airflow is: in `airflow.cfg`, or by an environment variable. What a single
task or connection sets is not here: [operators](operators.md), [connection](connection.md), [executor](executor.md).
This page is made from the provider's own description by `python -m tools.configuration_page`.
"""


def render() -> str:
    """Return the page."""
    sections = get_provider_info()["config"]
    options = [(section, *option) for section in sections for option in sections[section]["options"].items()]
    parts = [HEAD]
    for section, name, option in options:
        rows = [
            ("type", option["type"]),
            ("default", "none" if option["default"] is None else f"`{option['default']}`"),
            *([("example", f"`{option['example']}`")] if option["example"] else []),
            ("environment variable", f"`AIRFLOW__{section.upper()}__{name.upper()}`"),
            ("since", option["version_added"]),
        ]
        table = "\n".join(f"| {label} | {value} |" for label, value in rows)
        title = name if section == "lithops" else f"[{section}] {name}"
        parts.append(f"## `{title}`\n\n{option['description']}\n\n| | |\n|---|---|\n{table}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render())
