"""The report: records -> rows -> statistics -> figure data -> drawings, tables and one page.

Every layer is made of pure functions over the one before; only `harvest` reads and only `write`
writes files. Nothing here imports torch, ray or mlflow, and the same records give the same bytes.
"""
