"""Rows over seeds, and which of them a line joins."""

from neuronio.surrogate.summary import over_data


def test_along_the_data_fits_of_more_steps_are_no_point_of_the_same_line():
    few, many = ({"train_trials": trials, "exposure_s": 5.0} for trials in (2, 8))
    longer = {"train_trials": 8, "exposure_s": 10.0}
    assert over_data([few, longer]) == [[few, longer]]
    assert over_data([few, many, longer]) == [[few, many], [longer]]
