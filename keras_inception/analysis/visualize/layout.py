"""Places the boxes of a drawing: branches stand side by side, as papers draw modules.

The graph is read as parts in a row and parts side by side. A box that every path passes stands
alone on the axis. The boxes between two such boxes fall into unconnected parts, the branches, and
each branch is laid out in the same way. A part that has neither form is laid out in rows by depth.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from keras_inception.analysis.visualize.boxes import Box

GAP = 34  # pixels between a box and the one below it
SIDE = 18  # pixels between branches
LANE = 20  # pixels for an arrow that runs beside branches
_TOP, _BOTTOM = "top", "bottom"  # the edges of the drawing, in place of boxes


@dataclasses.dataclass
class Layout:
    """A part of a drawing; coordinates are relative to its upper left corner.

    Attributes:
        width: width in pixels.
        height: height in pixels.
        axis: where arrows enter and leave, in pixels from the left.
        places: `{box: (centre, top)}`.
        lanes: `{(box, box): [(x, top, bottom), ...]}`, where an arrow runs down, for each row that
            it passes.
    """

    width: float
    height: float
    axis: float
    places: dict
    lanes: dict

    def moved(self, right: float, down: float) -> tuple[dict, dict]:
        """Returns `places` and `lanes` moved by so many pixels, to merge into a larger layout."""
        places = {box: (x + right, y + down) for box, (x, y) in self.places.items()}
        lanes = {
            link: [(x + right, top + down, bottom + down) for x, top, bottom in way]
            for link, way in self.lanes.items()
        }
        return places, lanes


def lay_out(
    boxes: Sequence[Box],
    links: Iterable[tuple[Box, Box]],
    size: Callable[[Box], tuple[float, float]],
) -> Layout:
    """Lays out a graph from top to bottom.

    Args:
        boxes: boxes in the order of computation; the first is the input.
        links: pairs of boxes, source and consumer.
        size: returns the (width, height) of a box in pixels.

    Returns:
        A `Layout`.
    """
    return _Planner(links, size).part(list(boxes), _TOP, _BOTTOM)


class _Planner:
    """Lays out parts of a graph. Each part is entered from one box and left for another."""

    def __init__(self, links, size):
        self.links, self.size = list(links), size

    def part(self, boxes: list[Box], start: Box | str, end: Box | str) -> Layout:
        """Lays out the boxes between `start` and `end`."""
        place: dict[Box | str, int] = {start: -1, end: len(boxes)}
        place.update((box, i) for i, box in enumerate(boxes))
        inner = self._links(boxes, start, end)
        passed: set[int] = set()
        for source, target in inner:
            passed.update(range(place[source] + 1, place[target]))
        cuts = [box for box in boxes if place[box] not in passed]
        stack, before, first = [], start, 0
        for after in [*cuts, end]:
            between = boxes[first : place[after]]
            is_whole = len(between) == len(boxes)
            if between:
                branches = _connected(between, self.links)
                if is_whole and len(branches) == 1:
                    return self._rows(boxes, inner, start, end)
                has_lane = not is_whole and (before, after) in self.links
                stack.append(self._side_by_side(branches, before, after, has_lane))
            if after is not end:
                stack.append(self._single(after))
            before, first = after, place[after] + 1
        return _stacked(stack)

    def _links(self, boxes, start, end):
        """Returns the links of a part, with one from `start` or to `end` for each loose box."""
        inside = set(boxes)
        links = [
            (source, target)
            for source, target in self.links
            if (source in inside and target in inside)
            or (source is start and target in inside)
            or (source in inside and target is end)
        ]
        sources, targets = {s for s, _ in links}, {t for _, t in links}
        links += [(start, box) for box in boxes if box not in targets]
        return links + [(box, end) for box in boxes if box not in sources]

    def _single(self, box):
        width, height = self.size(box)
        return Layout(width, height, width / 2, {box: (width / 2, 0)}, {})

    def _side_by_side(self, branches, start, end, has_lane):
        parts = [self.part(branch, start, end) for branch in branches]
        height = max(part.height for part in parts)
        left = LANE + SIDE if has_lane else 0
        places, lanes, right = {}, {}, left
        for part in parts:
            moved = part.moved(right, 0)
            places |= moved[0]
            lanes |= moved[1]
            right += part.width + SIDE
        width = right - SIDE
        if has_lane:
            lanes[start, end] = [(LANE / 2, 0, height)]
        axis = left + parts[0].axis if len(parts) == 1 else (left + width) / 2
        return Layout(width, height, axis, places, lanes)

    def _rows(self, boxes, links, start, end):
        """Lays out boxes in rows by depth; a link that passes a row gets a lane in it."""
        depth = {start: -1}
        for box in boxes:
            depth[box] = 1 + max(depth.get(s, -1) for s, target in links if target is box)
        last = max(depth.values())
        depth[end] = last + 1
        rows = [[box for box in boxes if depth[box] == row] for row in range(last + 1)]
        for link in links:
            for row in range(depth[link[0]] + 1, depth[link[1]]):
                rows[row].append(link)
        places, lanes, top, widest = {}, {}, 0, 0
        for row in rows:
            sizes = [(LANE, 0) if isinstance(item, tuple) else self.size(item) for item in row]
            height = max(h for _, h in sizes)
            width = sum(w for w, _ in sizes) + SIDE * (len(row) - 1)
            x = -width / 2
            for item, (w, _) in zip(row, sizes):
                if isinstance(item, tuple):
                    lanes.setdefault(item, []).append((x + w / 2, top, top + height))
                else:
                    places[item] = (x + w / 2, top)
                x += w + SIDE
            top, widest = top + height + GAP, max(widest, width)
        layout = Layout(widest, top - GAP, widest / 2, places, lanes)
        layout.places, layout.lanes = layout.moved(widest / 2, 0)
        return layout


def _connected(boxes, links):
    """Returns the groups of connected boxes, each in the given order."""
    group = {box: {box} for box in boxes}
    for source, target in links:
        if source in group and target in group and group[source] is not group[target]:
            joined = group[source] | group[target]
            group.update((box, joined) for box in joined)
    found = []
    for box in boxes:
        if not any(box in one for one in found):
            found.append([other for other in boxes if other in group[box]])
    return found


def _stacked(parts):
    """Puts parts above each other, on one axis."""
    axis = max(part.axis for part in parts)
    width = axis + max(part.width - part.axis for part in parts)
    places, lanes, top = {}, {}, 0
    for part in parts:
        moved = part.moved(axis - part.axis, top)
        places |= moved[0]
        lanes |= moved[1]
        top += part.height + GAP
    return Layout(width, top - GAP, axis, places, lanes)
