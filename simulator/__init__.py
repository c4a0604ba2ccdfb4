"""What would happen: nodes, links, tasks and time."""
