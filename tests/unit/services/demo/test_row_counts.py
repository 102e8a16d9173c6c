"""Scale 1 is Appendix A of the client document."""

import math

import pytest

from services.core.errors import BadInput
from services.demo.row_counts import Figures, figures_for


def test_scale_one_is_a_year_of_a_hundred_users_as_appendix_a_estimates_it() -> None:
    assert figures_for(1) == Figures(
        users=100,
        projects=500,
        worktrees=2_000,
        sessions=1_000,
        websocket_sessions=1_000,
        file_operations=1_000_000,
        notification_history=100_000,
        system_logs=365_000,
    )


def test_a_small_scale_keeps_some_users_with_some_projects_and_shrinks_the_logs() -> None:
    small = figures_for(0.01)
    assert (small.users, small.projects, small.sessions) == (6, 12, 18)
    assert (small.file_operations, small.system_logs) == (10_000, 3_650)


def test_a_large_scale_grows_in_proportion() -> None:
    assert figures_for(3).projects == 1_500
    assert figures_for(3).file_operations == 3_000_000


@pytest.mark.parametrize("scale", [0, -1, 100.5, math.nan, math.inf])
def test_a_scale_out_of_range_is_refused_with_the_range(scale: float) -> None:
    with pytest.raises(BadInput, match="above 0 and up to 100"):
        figures_for(scale)
