"""Genetic searches: a plain one, a memetic one, and NSGA-II for several objectives."""
