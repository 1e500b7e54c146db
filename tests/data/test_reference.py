from neuronio.data.reference import published_data, published_surrogates


def test_published_data_are_means_and_spreads_by_generator():
    figures = published_data()
    assert figures["ergodic"]["spikes_per_128_trials"] == (871.0, 66.0)
    assert figures["published"] == {"output_rate_hz": (0.8, None)}


def test_published_surrogates_are_numbers_or_none():
    rows = published_surrogates()
    assert rows[0]["parameters"] == 4601.0
    assert rows[-1]["soma_rmse_mV"] is None
    assert all(row["source"] and isinstance(row["label"], str) for row in rows)
