"""Statistics of studies: who is better, by how much, how sure that is, and what was missing.

`analyse` takes the rows of a sweep or of a comparison and gives an `Analysis`; every step of it is
a pure function of numbers that can be used alone.
"""

from scenarios.statistics.analysis import Analysis, Settings, analyse
from scenarios.statistics.arranging import cases_of
from scenarios.statistics.bootstrap import Intervals, cluster_bootstrap
from scenarios.statistics.cases import Cases
from scenarios.statistics.folders import read, unfinished
from scenarios.statistics.pairs import (
    SignedRank,
    Tally,
    cliffs_delta,
    holm,
    signed_rank,
    tally,
)
from scenarios.statistics.power import detectable, pairs_needed, smallest_p
from scenarios.statistics.profiles import Profiles, profiles
from scenarios.statistics.ranks import RankTest, critical_difference, rank_test
from scenarios.statistics.scales import Scale

__all__ = [
    "Analysis",
    "Cases",
    "Intervals",
    "Profiles",
    "RankTest",
    "Scale",
    "Settings",
    "SignedRank",
    "Tally",
    "analyse",
    "cases_of",
    "cliffs_delta",
    "cluster_bootstrap",
    "critical_difference",
    "detectable",
    "holm",
    "pairs_needed",
    "profiles",
    "rank_test",
    "read",
    "signed_rank",
    "smallest_p",
    "tally",
    "unfinished",
]
