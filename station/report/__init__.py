"""The report of a run: figures, plots and one page, made of what the journal wrote."""
