"""The report: records -> rows -> a study of each sweep -> tables, figures, sentences and one page.

Where to look: `records` reads folders; `study` makes runs and their statistics of a sweep;
`analysis` asks it what several of the following show: `tables`, `figures` (data, drawing and words
of one figure in one module), `sentences`, and `claims`; `profiles` has all of these for records of
`profile`, which belong to no sweep. `assemble` puts a report together, `page` and `table` say how
it looks as HTML and text, `write` writes it.

Every layer is made of pure functions over the one before; only `records.harvest` reads and only
`write` writes files. Nothing here imports torch, ray or mlflow, and the same records give the same
bytes.
"""
