"""Genetic searches: `schedulers.genetic.genetic` and, with local search, `.memetic`."""
