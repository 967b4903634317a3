"""A line chart as SVG, both axes logarithmic."""

from collections.abc import Mapping, Sequence
from math import log10

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 440, 70, 20, 110, 50
COLORS = ("#d62728", "#ff7f0e", "#2ca02c", "#1f77b4", "#9467bd")


def chart(x_label: str, y_label: str, x: Sequence[int], lines: Mapping[str, Sequence[float]]) -> str:
    """An SVG of `lines` over `x`, up to five of them, each with its name at its end."""
    low, high = log10(min(x)), log10(max(x))

    def right(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (log10(value) - low) / (high - low), 1)

    def up(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (log10(value) - low) / (high - low), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="13" fill="#333"><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">{x_label}</text>',
        f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{y_label}</text>',
    ]
    for value in x:
        parts += [
            f'<path d="M{right(value)} {TOP}V{HEIGHT - BOTTOM}M{LEFT} {up(value)}H{WIDTH - RIGHT}" stroke="#ddd"/>',
            f'<text x="{right(value)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:,}</text>',
            f'<text x="{LEFT - 6}" y="{up(value) + 4}" text-anchor="end">{value:,}</text>',
        ]
    for color, (name, line) in zip(COLORS, lines.items(), strict=False):
        points = " ".join(f"{right(a)},{up(b)}" for a, b in zip(x, line, strict=True))
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>',
            f'<text x="{WIDTH - RIGHT + 8}" y="{up(line[-1]) + 4}" fill="{color}">{name}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
