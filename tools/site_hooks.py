"""
What mkdocs does beside its plugins: it takes the changelog in, and leads links that leave ``docs/`` to the repository.
The pages themselves stay as they are read on GitHub.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent  # mkdocs loads this file by its path, without the package
_OUTSIDE = re.compile(r"\]\(((?:\.\./)+)([^)]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """
    Add the changelog, which lies beside ``docs/``.

    :param files: of the site
    :param config: of the site
    """
    text = (ROOT / "CHANGELOG.md").read_text().replace("](docs/", "](")
    files.append(File.generated(config, "changelog.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """
    Return a page's text whose links out of ``docs/`` lead to the repository.

    :param markdown: the text
    :param page: the page
    :param config: of the site
    :param files: of the site
    """
    depth = page.file.src_uri.count("/") + 1

    def leads_to(match: re.Match[str]) -> str:
        if match[1].count("../") < depth:
            return match[0]
        return f"]({config.extra['repository']}/blob/main/{match[2]})"

    return _OUTSIDE.sub(leads_to, markdown)
