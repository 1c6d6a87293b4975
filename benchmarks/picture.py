"""Draws where the time of a job goes: the picture of docs/performance.md."""

from __future__ import annotations

from pathlib import Path

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "performance-stages.svg"
_COLOURS = ("#7f8c9b", "#4c78a8", "#72b7b2", "#f58518", "#54a24b", "#b279a2")
"""Of the stages, told apart in grey, too."""
_WIDTH, _ROW, _LEFT = 640, 46, 150


def draw(stages: dict[str, dict[str, float]], path: Path = PICTURE) -> None:
    """
    Draw a bar for each number of items, each as long as the others, with the stages as its parts.

    :param stages: by number of items, the seconds of each stage, see `benchmarks.jobs_layer.measure`
    :param path: the file to be written
    """
    names = list(next(iter(stages.values())))
    height = _ROW * len(stages) + 60
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" role="img" '
        'font-family="sans-serif" font-size="13">',
        "<title>Where the time of a job on localhost goes, by stage</title>",
        f'<rect width="{_LEFT + _WIDTH + 20}" height="{height}" fill="#ffffff"/>',
    ]
    for row, (items, seconds) in enumerate(stages.items()):
        total = sum(seconds.values())
        top = row * _ROW + 10
        lines.append(f'<text x="{_LEFT - 10}" y="{top + 15}" text-anchor="end" fill="#222">{int(items):,} items</text>')
        lines.append(f'<text x="{_LEFT - 10}" y="{top + 31}" text-anchor="end" fill="#666">{total:.2f} s</text>')
        left = float(_LEFT)
        for name, colour in zip(names, _COLOURS, strict=True):
            width = _WIDTH * seconds[name] / total
            text = f"{items} items: {name}, {seconds[name]:.2f} s"
            lines.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="34" fill="{colour}">'
                f"<title>{text}</title></rect>"
            )
            if width > 44:
                lines.append(
                    f'<text x="{left + width / 2:.1f}" y="{top + 22}" text-anchor="middle" fill="#fff">'
                    f"{seconds[name]:.2f} s</text>"
                )
            left += width
    left = float(_LEFT)
    for name, colour in zip(names, _COLOURS, strict=True):
        lines.append(f'<rect x="{left:.0f}" y="{height - 32}" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{left + 17:.0f}" y="{height - 21}" fill="#222">{name}</text>')
        left += 42 + 7.0 * len(name)
    path.write_text("\n".join([*lines, "</svg>", ""]))
