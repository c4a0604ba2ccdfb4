"""A module of the user's own, exported by torch.export, cut into stages that run on workers.

`source` reads or exports it, `flow` puts its operators into a line, `chain` chooses where the line
is cut, `stages` makes a module of every piece, `program` runs one on a worker. How a stage is named
in scenarios and calibrations says `reference`.
"""
