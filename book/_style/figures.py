"""How figures look. A chapter that draws runs this file first: ``%run ../_style/figures.py``.

It sets matplotlib's style, asks for SVG, and leaves ``plt``, ``color`` and ``draw_graph`` in the chapter's namespace.
"""

import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

# Okabe and Ito's palette, which colour-blind readers can tell apart; one meaning keeps one colour through the book.
color = {
    "forward": "#0072B2",
    "backward": "#D55E00",
    "saved": "#009E73",
    "other": "#CC79A7",
    "light": "#56B4E9",
    "warm": "#E69F00",
    "quiet": "#767676",
    "ink": "#222222",
}

plt.rcParams.update({
    "axes.edgecolor": color["ink"],
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelcolor": color["ink"],
    "axes.prop_cycle": plt.cycler(color=[color[name] for name in ("forward", "backward", "saved", "other", "warm", "light")]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "figure.figsize": (6.4, 3.2),
    "font.size": 10,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "autograd-book",
    "text.color": color["ink"],
    "xtick.color": color["ink"],
    "ytick.color": color["ink"],
})
set_matplotlib_formats("svg", metadata={"Date": None})


def _columns(edges):
    """The column of each vertex: one more than the furthest of the vertices that point at it."""
    column = dict.fromkeys([vertex for edge in edges for vertex in edge], 0)
    for _ in column:
        moved = {end: column[start] + 1 for start, end in edges if column[end] <= column[start]}
        for start, end in edges:
            if end in moved:
                moved[end] = max(moved[end], column[start] + 1)
        if not moved:
            return column
        column |= moved
    raise ValueError("these edges form a cycle; draw_graph draws acyclic graphs")


def _places(edges):
    """A point for each vertex: columns from left to right, neighbours kept close to each other."""
    column, place = _columns(edges), {}
    for x in range(max(column.values()) + 1):
        row = [vertex for vertex in column if column[vertex] == x]
        heights = {v: [place[a][1] for a, b in edges if b == v and a in place] for v in row}
        row.sort(key=lambda v: sum(heights[v]) / len(heights[v]) if heights[v] else 0.0)
        place |= {vertex: (x, i - (len(row) - 1) / 2) for i, vertex in enumerate(row)}
    return place


def draw_graph(edges, labels=None, colors=None, ax=None):
    """Draw an acyclic graph from left to right.

    ``edges`` holds pairs (from, to) of any hashable vertices; repeat a pair to draw it twice. ``labels`` gives each
    vertex its text (default: ``str``), ``colors`` its outline.
    """
    labels, colors, edges = labels or {}, colors or {}, list(edges)
    place = _places(edges)
    if ax is None:
        xs, ys = zip(*place.values(), strict=True)
        ax = plt.subplots(figsize=(1.3 * (max(xs) + 1), 0.75 * (max(ys) - min(ys) + 1) + 0.3))[1]
    boxes = {
        vertex: ax.text(*point, labels.get(vertex, str(vertex)), ha="center", va="center", zorder=3,
                        bbox={"boxstyle": "round,pad=0.4", "fc": "white", "ec": colors.get(vertex, color["ink"])})
        for vertex, point in place.items()
    }
    for number, (start, end) in enumerate(edges):
        bend = 0.25 * edges[:number].count((start, end))
        ax.annotate("", place[end], place[start], arrowprops={
            "arrowstyle": "-|>", "color": color["quiet"], "shrinkA": 0, "shrinkB": 0, "connectionstyle": f"arc3,rad={bend}",
            "patchA": boxes[start].get_bbox_patch(), "patchB": boxes[end].get_bbox_patch()})
    xs, ys = zip(*place.values(), strict=True)
    ax.set(xlim=(min(xs) - 0.5, max(xs) + 0.5), ylim=(min(ys) - 0.6, max(ys) + 0.6))
    ax.invert_yaxis()
    ax.set_axis_off()
    return ax
