"""What people look at: players, the error explorer, class cards, figures, the report.

`page` is what a browser shows, by the scripts in `web`; `store` is what those know of clips.
Imports explain and what stands before it.
"""
