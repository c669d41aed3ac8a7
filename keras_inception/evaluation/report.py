"""Pieces of an HTML report in one file, with pictures and plots inside it as data URIs.

Each function returns HTML as a string and escapes the text that it is given. `page` joins the
pieces. The page needs no script, fits a phone, and follows the reader's light or dark setting.
"""

from __future__ import annotations

import base64
import dataclasses
import html
from collections.abc import Callable, Iterable, Mapping, Sequence

import tensorflow as tf

from keras_inception.data.preprocessing import decode_image

STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1c1f24; --soft: #5c6470;
  --line: #d9dce1; --panel: #f5f6f8; --accent: #2563eb; --wrong: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181d; --ink: #e6e8ec; --soft: #a2a9b5;
  --line: #343941; --panel: #1f2228; --accent: #7aa2ff; --wrong: #ff8a7a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .5rem; }
p { margin: .4rem 0 1rem; max-width: 46rem; color: var(--soft); }
.tiles { display: grid; gap: .75rem; margin: 1.5rem 0 0; padding: 0;
  grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); }
.tiles div { background: var(--panel); border-radius: .6rem; padding: .8rem 1rem; }
.tiles dt { color: var(--soft); font-size: .85rem; }
.tiles dd { margin: 0; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 24rem; }
th, td { padding: .45rem .9rem .45rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; font-size: .85rem; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
td { white-space: nowrap; }
details td { white-space: normal; text-align: left; }
picture img { display: block; width: 100%; height: auto; }
.plot { display: block; max-width: 46rem; }
.side { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); }
.cards { display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(9.4rem, 1fr)); }
.card { margin: 0; background: var(--panel); border-radius: .6rem; overflow: hidden; }
.card img { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; }
.card figcaption { padding: .55rem .7rem .75rem; font-size: .85rem; line-height: 1.35; }
.card strong { display: block; overflow-wrap: anywhere; }
.card .truth { color: var(--soft); display: block; margin-bottom: .35rem; overflow-wrap: anywhere; }
.card.wrong strong { color: var(--wrong); }
.bar { display: block; position: relative; padding: .1rem 2.6rem .25rem 0; margin-top: .2rem;
  overflow-wrap: anywhere; }
.bar b { position: absolute; right: 0; font-weight: 400; color: var(--soft);
  font-variant-numeric: tabular-nums; }
.bar i { display: block; height: .25rem; border-radius: .2rem; background: var(--accent);
  min-width: 2px; margin-right: -2.6rem; }
.note { display: block; margin-top: .4rem; color: var(--accent); }
details summary { cursor: pointer; color: var(--accent); margin-bottom: .5rem; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: .85rem; }
"""


@dataclasses.dataclass(frozen=True)
class Card:
    """A classified picture.

    Attributes:
        encoded: the picture, as a JPEG or PNG.
        truth: name of the true class.
        best: the likeliest classes as (name, probability), best first.
        note: a remark, for example which model disagrees.
    """

    encoded: bytes
    truth: str
    best: Sequence[tuple[str, float]]
    note: str = ""

    @property
    def is_right(self) -> bool:
        """`True` if the likeliest class is the true one."""
        return self.best[0][0] == self.truth


def page(title: str, lead: str, body: Iterable[str], foot: str) -> str:
    """Returns a whole HTML page.

    Args:
        title: heading of the page.
        lead: text under the heading.
        body: pieces of HTML.
        foot: text at the end.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{html.escape(title)}</h1>
<p>{html.escape(lead)}</p>
</header>
<main>
{chr(10).join(body)}
</main>
<footer>{html.escape(foot)}</footer>
</body>
</html>
"""


def section(heading: str, text: str, *body: str) -> str:
    """Returns a heading, a sentence that explains the section, and the pieces under them."""
    return (
        f"<section>\n<h2>{html.escape(heading)}</h2>\n<p>{html.escape(text)}</p>\n"
        + "\n".join(body)
        + "\n</section>"
    )


def tiles(figures: Mapping[str, str]) -> str:
    """Returns tiles with the few figures that matter most, given by name."""
    inner = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>\n"
        for name, value in figures.items()
    )
    return f'<dl class="tiles">\n{inner}</dl>'


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Returns a table whose first column names the rows. It scrolls on a narrow screen."""
    titles = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in head)
    lines = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table>\n<thead><tr>{titles}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )


def plot(draw: Callable[[str], bytes], description: str, least_width: str = "0") -> str:
    """Returns a plot in two themes.

    Args:
        draw: returns the plot as an encoded PNG for the theme `light` or `dark`.
        description: text for readers who do not see the plot.
        least_width: a length in CSS. On a narrower screen the plot scrolls, so that its text stays
            readable.
    """
    return (
        '<div class="scroll" tabindex="0">'
        f'<picture class="plot" style="min-width:{least_width}">'
        f'<source media="(prefers-color-scheme: dark)" srcset="{data_uri(draw("dark"))}">'
        f'<img src="{data_uri(draw("light"))}" alt="{html.escape(description)}"></picture></div>'
    )


def side_by_side(*pieces: str) -> str:
    """Returns pieces beside each other, or below each other on a narrow screen."""
    return '<div class="side">\n' + "\n".join(pieces) + "\n</div>"


def cards(pictures: Iterable[Card]) -> str:
    """Returns a grid of classified pictures."""
    return '<div class="cards">\n' + "\n".join(_card(picture) for picture in pictures) + "\n</div>"


def folded(summary: str, body: str) -> str:
    """Returns a piece that is hidden until the reader opens it."""
    return f"<details><summary>{html.escape(summary)}</summary>\n{body}\n</details>"


def data_uri(encoded: bytes) -> str:
    """Returns an encoded JPEG or PNG as a `data:` URI."""
    kind = "png" if encoded.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def surest_of_each_kind(cards: Iterable[Card], most: int) -> list[Card]:
    """Returns the mistakes that the network was surest of, at most `most`.

    Only the surest mistake is kept for each pair of a true and a predicted class, since such
    pictures look alike.
    """
    surest: dict[tuple[str, str], Card] = {}
    for card in sorted(cards, key=lambda card: -card.best[0][1]):
        if not card.is_right:
            surest.setdefault((card.truth, card.best[0][0]), card)
    return list(surest.values())[:most]


def thumbnail(encoded: bytes, side: int = 240) -> bytes:
    """Returns a picture as a JPEG of at most `side` x `side` pixels, so that a page stays small."""
    pixels = decode_image(encoded)
    if max(pixels.shape[:2]) <= side and encoded.startswith(b"\xff\xd8"):
        return encoded
    side = min(side, max(pixels.shape[:2]))
    pixels = tf.image.resize(
        pixels, (side, side), preserve_aspect_ratio=True, method="area", antialias=True
    )
    return tf.io.encode_jpeg(tf.cast(tf.round(pixels), tf.uint8), quality=85).numpy()


def duration(seconds: float) -> str:
    """Returns seconds as text: `7 s`, `2 min 5 s`, `3 h 0 min`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _card(card):
    mark, state = ("\u2713", "right") if card.is_right else ("\u2717", "wrong")
    name = html.escape(_words(card.best[0][0]))
    bars = "".join(
        f'<span class="bar"><b>{score:.0%}</b>{html.escape(_words(best))}'
        f'<i style="width:{score:.1%}"></i></span>'
        for best, score in card.best
    )
    note = f'<span class="note">{html.escape(card.note)}</span>' if card.note else ""
    return (
        f'<figure class="card {state}"><img src="{data_uri(card.encoded)}" alt="" loading="lazy">'
        f"<figcaption><strong>{mark} {name}</strong>"
        f'<span class="truth">true: {html.escape(_words(card.truth))}</span>'
        f"{bars}{note}</figcaption></figure>"
    )


def _words(name):
    """Returns a class name as text in which long words may be hyphenated in the middle."""
    words = name.replace("_", " ").split(" ")
    halves = [(w[: len(w) // 2], w[len(w) // 2 :]) if len(w) > 14 else (w,) for w in words]
    return " ".join("\u00ad".join(half) for half in halves)
