"""Parts of the Gantt chart: what is drawn, where, and in which colours."""
