"""The torch modules of the catalogue's sub-tasks, one file for each family.

Each file reads from top to bottom, shapes stand beside the lines that make them (B = batch), and a
module's ``forward`` takes and returns exactly the tensors that `realrun.models.TENSORS` names, so
that the variants of a task are exchangeable. Normalisation is per layer or per group, never over
the batch: a request's answer does not depend on its neighbours in the batch.
"""
