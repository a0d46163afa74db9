"""What people look at: players, the explorer, the timeline, cards, figures, the report.

`page` is what a browser shows, by the scripts in `web`; `store` is what those know of clips.
Imports explain and what stands before it.
"""
