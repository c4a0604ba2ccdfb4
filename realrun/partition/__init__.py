"""A module of the user's own, exported by torch.export, cut into stages that run on workers.

`source` reads or exports it, `flow` puts its operators into a line, `chain` chooses where the line
is cut, `stages` says what every piece takes and puts out, `cost` what it costs, `modules` makes a
torch module of it (`graphs`), `program` runs it on a worker, and `whole` holds the answers against
those of the uncut module. How a stage is named in scenarios and calibrations says `reference`.
"""
