"""The map with the positions of a shipment: an equirectangular projection, true to scale in its middle."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import accumulate, islice, pairwise
from math import ceil, cos, floor, log2, radians
from typing import Final, NamedTuple

from public.atlas import TURN, Line, Point, Town, load, near, thinned, wrap

#: Of the width and of the height of a map, from the upper left.
Share = tuple[float, float]
#: Left, top, right, bottom.
Box = tuple[float, float, float, float]

#: Of latitude: what a map shows at least; the first that has room for a town's name.
_SMALLEST: Final = (5_00, 10_00, 20_00, 40_00, 80_00)
#: A map's extent as a multiple of what the positions take; and the part that may lie beyond a pole, for a whole marker.
_MARGIN: Final = 1.4
_RIM: Final = 0.06
#: Of a map, in the units of its paths; and the shortest step that they take.
_WIDTH: Final = 1200
_HEIGHT: Final = 800
_STEP: Final = 5
#: CSS pixels: the width of a map on the narrowest phone, where labels must not touch; a letter's width and height.
_PHONE: Final = 270
_LETTER: Final = (6.5, 15)
_LABELS: Final = 9
#: Towns for which a place is looked for, at most.
_TRIED: Final = 150


class _View(NamedTuple):
    """What a map shows."""

    west: float
    north: float
    width: float
    height: float

    def share(self, lng: float, lat: float) -> Share:
        return (lng - self.west) / self.width, (self.north - lat) / self.height


def draw(positions: Sequence[Point]) -> str:
    """The inside of an SVG element whose width is 1.5 times its height; the positions from the oldest on."""
    route = _unwrap(positions)
    named = {near(position) for position in positions}
    towns = sorted(load().towns, key=lambda town: town[0] not in named)
    for smallest in _SMALLEST:
        view = _fit(route, smallest)
        stops = [view.share(lng, lat) for lng, lat in zip(route.lngs, route.lats, strict=True)]
        if labels := "".join(_labels(view, stops, towns)):
            break
    # The power of 2 that is just below the shortest step of the map's paths, in hundredths of a degree.
    step = 2 ** int(log2(_STEP * view.height / _HEIGHT))
    land, borders = (
        (thinned(line, step) for line in lines if line.extent >= step and _turns(view, line))
        for lines in (load().land, load().borders)
    )
    return "".join(
        [
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none">',
            f'<path class="land" d="{_path(view, land, "z")}"/>',
            f'<path class="border" d="{_path(view, borders)}"/>',
            f'<path class="route" d="{_path(view, [route])}"/></svg>',
            labels,
            *(_circle("stop", 4, stop) for stop in dict.fromkeys(stops) if stop != stops[-1]),
            _circle("halo", 14, stops[-1]),
            _circle("last", 7, stops[-1]),
        ]
    )


def _unwrap(positions: Sequence[Point]) -> Line:
    """The shorter way round from each position to the next."""
    steps = (wrap(after - before) for (before, _), (after, _) in pairwise(positions))
    return Line.through(list(accumulate(steps, initial=positions[0][0])), [lat for _, lat in positions])


def _fit(route: Line, smallest: float) -> _View:
    middle = (route.south + route.north) / 2
    # Of longitude across for one of latitude down, which would have no end at a pole.
    stretch = _WIDTH / _HEIGHT / max(cos(radians(middle / 100)), 0.1)
    height = max(
        smallest, _MARGIN * (route.north - route.south), _MARGIN * (route.east - route.west) / stretch
    )
    inside = max(0, 90_00 - height * (0.5 - _RIM))
    middle = min(max(middle, -inside), inside)
    return _View(
        (route.west + route.east - stretch * height) / 2, middle + height / 2, stretch * height, height
    )


def _turns(view: _View, line: Line) -> range:
    """The turns of the world by which a line comes into the view; none if it is above or below."""
    if line.south >= view.north or line.north <= view.north - view.height:
        return range(0)
    first, last = (view.west - line.east) / TURN, (view.west + view.width - line.west) / TURN
    return range(ceil(first), floor(last) + 1)


def _path(view: _View, lines: Iterable[Line], end: str = "") -> str:
    """The SVG path of what the view shows of the lines, as often as the world comes round in it."""
    return "".join(_piece(view, line, TURN * turn, end) for line in lines for turn in _turns(view, line))


def _piece(view: _View, line: Line, shift: int, end: str) -> str:
    """The SVG path of a line without what cannot be seen."""
    scale_x, scale_y = _WIDTH / view.width, _HEIGHT / view.height
    lngs, lats = _near_view(view, line, shift) if line.parts else (line.lngs, line.lats)
    xs = [round((lng + shift - view.west) * scale_x) for lng in lngs]
    ys = [round((view.north - lat) * scale_y) for lat in lats]
    if min(xs) >= 0 and max(xs) <= _WIDTH and min(ys) >= 0 and max(ys) <= _HEIGHT:
        sides = [0] * len(xs)
    else:
        # On which sides of the view a point is, a bit a side.
        sides = [
            (x < 0) | (x > _WIDTH) << 1 | (y < 0) << 2 | (y > _HEIGHT) << 3
            for x, y in zip(xs, ys, strict=True)
        ]
    kept = [0]
    for index in range(1, len(xs) - 1):
        last = kept[-1]
        # What stays on one side of the view is not seen, however it gets there; nor are the smallest steps.
        if (
            not sides[last] & sides[index] & sides[index + 1]
            and abs(xs[index] - xs[last]) + abs(ys[index] - ys[last]) >= _STEP
        ):
            kept.append(index)
    kept.append(len(xs) - 1)
    if end and len(kept) < 4:
        return ""
    steps = (f"{xs[after] - xs[before]} {ys[after] - ys[before]}" for before, after in pairwise(kept))
    return f"M{xs[0]} {ys[0]}l{' '.join(steps)}{end}"


def _near_view(view: _View, line: Line, shift: int) -> tuple[list[int], list[int]]:
    """The line's axes; of a part that stays on one side of the view, as the part before it does, only the end."""
    # A unit more, since what is drawn is rounded.
    rim_x, rim_y = view.width / _WIDTH, view.height / _HEIGHT
    west, east = view.west - shift - rim_x, view.west - shift + view.width + rim_x
    north, south = view.north + rim_y, view.north - view.height - rim_y
    lngs, lats, before = list[int](), list[int](), 0
    for part in line.parts:
        across = (part.east < west) | (part.west > east) << 1
        sides = across | (part.south > north) << 2 | (part.north < south) << 3
        start = -1 if sides & before else 0
        lngs += part.lngs[start:]
        lats += part.lats[start:]
        before = sides
    return lngs, lats


def _labels(view: _View, stops: Iterable[Share], towns: Iterable[Town]) -> Iterator[str]:
    """The first towns that there is room for, each with a dot."""
    width, height = _PHONE, _PHONE * _HEIGHT / _WIDTH
    dots = [_box(x * width, y * height, -5, 5, 10) for x, y in stops]
    way = [
        _box((x + (next_x - x) * step / 16) * width, (y + (next_y - y) * step / 16) * height, 0, 0, 0)
        for (x, y), (next_x, next_y) in pairwise(stops)
        for step in range(16)
    ]
    labels: list[Box] = []
    south = view.north - view.height
    inside = (
        town for town in towns if south < town[2] < view.north and (town[1] - view.west) % TURN < view.width
    )
    for name, lng, lat in islice(inside, _TRIED):
        x, y = view.share(view.west + (lng - view.west) % TURN, lat)
        free = []
        for side in (1, -1):
            end = side * (9 + len(name) * _LETTER[0])
            text = _box(x * width, y * height, side * 7, end, _LETTER[1])
            whole = _box(x * width, y * height, side * -3, end, _LETTER[1])
            if (
                _inside(whole, (0, 0, width, height))
                and not any(_overlap(text, dot) for dot in dots)
                and not any(_overlap(whole, label) for label in labels)
            ):
                free.append((sum(_overlap(text, place) for place in way), side < 0, whole))
        if free:
            # Where it hides the least of the way, and to the right if that is all the same.
            _, left, whole = min(free)
            labels.append(whole)
            dx, anchor = (-9, ' text-anchor="end"') if left else (9, "")
            yield _circle("town", 2, (x, y))
            yield f'<text x="{x:.2%}" y="{y:.2%}" dx="{dx}" dy="4"{anchor}>{escape(name)}</text>'
        if len(labels) == _LABELS:
            return


def _box(x: float, y: float, start: float, end: float, height: float) -> Box:
    return x + min(start, end), y - height / 2, x + max(start, end), y + height / 2


def _inside(one: Box, other: Box) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one[2] <= other[2] and one[3] <= other[3]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _circle(kind: str, radius: int, share: Share) -> str:
    return f'<circle class="{kind}" cx="{share[0]:.2%}" cy="{share[1]:.2%}" r="{radius}"/>'
