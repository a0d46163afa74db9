"""A page of clips that are like another one, all of them moving."""

from pathlib import Path

from mbnb.explain.find import Found
from mbnb.files import write_text
from mbnb.show.page import page_script, rendered
from mbnb.show.player import player

SHOWN = 11  # clips at most beside the one that was asked, three rows with it


def write_found(found: Found, fps: float, path: Path) -> None:
    """Write the page, with the clip that was asked and the first ones of those found."""
    rows = found.table.head(SHOWN).to_dict("records")
    titles = [f"asked: {found.asked.names[0]}"]
    titles += [f"{row['rank']}: {row['class'] or row['clip']}" for row in rows]
    clips = [found.asked.drawn(0), *(found.clips.drawn(i) for i in range(len(rows)))]
    view = player(clips, titles, found.data.skeleton, fps, height=240, autoplay=True)
    page = rendered(
        "found.html",
        asked=found.asked.names[0],
        collection="simulated people" if found.data.simulated else found.data.root.name,
        rows=rows,
        view=view.fragment(),
        script=page_script(view.scripts, view.mount),
    )
    write_text(path, page)
