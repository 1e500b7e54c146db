from neuronio.data.reference import published_data, published_figure, published_surrogates


def test_published_data_say_what_they_are_and_what_they_count():
    spikes = published_figure("spikes_per_128_trials", generator="ergodic")
    assert (spikes.mean, spikes.sd, spikes.trials) == (871.0, 66.0, 38400)
    assert (spikes.files, spikes.after_ms, spikes.max_spikes) == ("train", 0, None)
    rate = published_figure("output_rate_hz", files="test")
    assert (rate.generator, rate.mean, rate.sd) == ("published_test", 0.797, None)
    assert (rate.trials, rate.after_ms, rate.max_spikes) == (1536, 500, 24)
    assert published_figure("output_rate_hz", generator="ergodic").mean == 0.96
    assert published_figure("busy_share", files="test").mean == 0.032
    sds = [f.mean for f in published_data() if f.quantity == "soma_sd_mV"]
    assert sorted(sds) == [3.07, 5.15, 5.21]
    assert all(figure.source for figure in published_data())


def test_spikes_of_the_published_test_files_are_those_of_their_names():
    files = [811, 647, 561]
    mean = sum(files) / 3
    sd = (sum((n - mean) ** 2 for n in files) / 2) ** 0.5
    known = published_figure("spikes_per_128_trials", generator="published_test")
    assert (known.mean, round(known.sd)) == (mean, round(sd))


def test_no_published_file_is_said_to_be_made_by_the_released_script():
    assert published_figure("output_rate_hz", generator="published") is None


def test_published_surrogates_are_numbers_or_none():
    rows = published_surrogates()
    assert rows[0]["parameters"] == 4601.0
    assert rows[-1]["soma_rmse_mV"] is None
    assert all(row["source"] and isinstance(row["label"], str) for row in rows)
