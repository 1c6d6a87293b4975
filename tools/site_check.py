"""Look at the built site as a browser would: links and pictures lead somewhere, nothing is from another host."""

from __future__ import annotations

import re
import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

from tools.session import ROOT

SITE = ROOT / "build" / "site"
_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page names: its anchors, where its links lead, and what is loaded with it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag's name, link or source."""
        given = {name: value or "" for name, value in attrs}
        if given.get("data-md-component") == "source":
            self.loaded.append(given.get("href", "") + " (the theme's script asks the repository's host for its facts)")
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and not {"canonical", "next", "prev"} & set(given.get("rel", "").split()):
            self.loaded.append(given["href"])
        elif _LOADED.get(tag) in given:
            self.loaded.append(given[_LOADED[tag]])


def main() -> None:
    """Check all pages; what is wrong is listed, and ends the command."""
    pages = {path: Page(path.read_text()) for path in sorted(SITE.rglob("*.html")) if path.name != "404.html"}
    wrong = [f"{path.relative_to(SITE)}: {text}" for path in pages for text in problems(path, pages)]
    wrong += [
        f"{path.relative_to(SITE)}: loads {address}"
        for path in sorted(SITE.rglob("*.css"))
        for address in re.findall(r"(?:url\(|@import )[\"']?(https?:[^\"')]+)", path.read_text())
    ]
    if wrong or not pages:
        sys.exit("\n".join(wrong) or f"{SITE} has no pages")
    print(f"   {len(pages)} pages, {sum(len(page.links) for page in pages.values())} links; nothing from other hosts")


def problems(path: Path, pages: dict[Path, Page]) -> list[str]:
    """
    Return what is wrong with a page.

    :param path: its file
    :param pages: all pages, by their files
    """
    found = []
    page = pages[path]
    for target in page.loaded + page.links:
        address = urllib.parse.urlsplit(target)
        if address.scheme == "data":
            continue
        if address.scheme or address.netloc:
            if target in page.loaded:
                found.append(f"loads {target}")
            continue
        file = (path.parent / urllib.parse.unquote(address.path)).resolve() if address.path else path
        file = file / "index.html" if file.is_dir() else file
        anchor = urllib.parse.unquote(address.fragment)
        if not file.exists():
            found.append(f"{target} leads nowhere")
        elif anchor and file in pages and anchor not in pages[file].anchors:
            found.append(f"{target} has no such anchor")
    return found


if __name__ == "__main__":
    main()
