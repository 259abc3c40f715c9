"""The line at the end of a run says in plain words what is proven of the result."""

from __future__ import annotations

from superdsm_nb.performance import ClusterReport, PerformanceReport

PROVEN = ClusterReport(atoms=2, cost=10.0, lower_bound=10.0, deviation=0.2)


def test_the_number_of_proven_clusters_is_stated_without_technical_conditions():
    statement = PerformanceReport(clusters=[PROVEN, PROVEN]).statement("exact")

    assert statement == "the chosen shapes are proven to be the best combination in 2 of 2 clusters of nuclei"


def test_isbi24_pruning_limits_what_is_proven():
    statement = PerformanceReport(clusters=[PROVEN]).statement("isbi24")

    assert statement == (
        "the chosen shapes are proven to be the best combination in 1 of 1 cluster of nuclei, among the "
        "shapes that isbi24 pruning tries"
    )


def test_how_much_less_a_better_combination_could_cost_is_stated():
    greedy = ClusterReport(atoms=3, cost=10.0, lower_bound=9.0)

    statement = PerformanceReport(clusters=[PROVEN, greedy]).statement("exact")

    assert statement.endswith(
        "in 1 of 2 clusters of nuclei; a better combination could cost at most 5 % less"
    )


def test_large_clusters_and_failed_fits_are_stated():
    large = ClusterReport(atoms=90, cost=10.0, lower_bound=10.0, is_too_large=True)
    report = PerformanceReport(
        clusters=[PROVEN, large],
        overall_computed_object_count=9,
        fallback_object_count=2,
        timeout_object_count=1,
    )

    statement = report.statement("exact")

    assert "in 1 of 2 clusters of nuclei" in statement
    assert "; 1 cluster was too large to try every shape" in statement
    assert statement.endswith("; 2 of 9 fits fell back to the best ellipse (1 ran out of time)")
