"""What to run: scenario files, generators, importers, comparison and the command line."""
