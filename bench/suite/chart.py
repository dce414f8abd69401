"""Bar charts as SVG, without any library."""
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, ROW, BAR, TOP = 760, 210, 90, 22, 15, 34
COLOURS = {"bide": "#c8511b", "floor": "#9aa0a6", "peer": "#4a7ab5"}
LONGEST = 8  # a bar is cut at so many times bide's


def kind_of(name):
    if name.startswith("bide"):
        return "bide"
    return "floor" if name.startswith(("raw ", "bare ", "blocking loop")) else "peer"


def draw(title, unit, rows, text_of, reference):
    """rows: dicts with name, median, low, high, as results.table makes them."""
    longest = max(row["median"] for row in rows)
    if reference:
        longest = min(longest, LONGEST * max(reference, rows[0]["median"]))
    room = WIDTH - LEFT - RIGHT
    height = TOP + ROW * len(rows) + 10
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
             f'font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             f'<text x="10" y="20" font-size="13" font-weight="bold" fill="#222222">{escape(title)} [{unit}]</text>']
    for number, row in enumerate(rows):
        y = TOP + ROW * number
        cut = row["median"] > longest
        length = max(1.0, room * min(row["median"], longest) / longest)
        parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end" fill="#222222">{escape(row["name"])}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" '
                     f'fill="{COLOURS[kind_of(row["name"])]}"/>')
        if cut:
            x = LEFT + length - 22
            parts.append(f'<path d="M{x:.1f} {y + BAR} l6 -{BAR} h5 l-6 {BAR} z" fill="#ffffff"/>')
        else:
            low, high = (LEFT + room * min(row[key], longest) / longest for key in ("low", "high"))
            middle = y + BAR / 2
            parts.append(f'<path d="M{low:.1f} {middle} H{high:.1f} M{low:.1f} {middle - 3} v6 M{high:.1f} {middle - 3} '
                         f'v6" stroke="#222222" stroke-width="1" fill="none"/>')
        x = LEFT + (length if cut else max(length, room * min(row["high"], longest) / longest)) + 6
        parts.append(f'<text x="{x:.1f}" y="{y + 12}" fill="#222222">{text_of(row["median"])}</text>')
    return "\n".join([*parts, "</svg>", ""])
