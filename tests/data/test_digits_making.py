"""Sets of spoken digits: synthetic voices, real recordings, and how they are made."""

import os
import signal
import subprocess
import sys
import tarfile
import time
import wave
from dataclasses import replace

import numpy as np
import pytest

from neuronio.data.digits.cochlea import Cochlea
from neuronio.data.digits.fsdd import RealDigits, contents
from neuronio.data.digits.making import digits_path, make_digits
from neuronio.data.digits.shd import read_shd
from neuronio.data.digits.sound import read_wav
from neuronio.data.digits.speak import SAMPLE_HZ, Utterance, speak
from neuronio.data.digits.voices import (
    SPEAKERS,
    SyntheticDigits,
    draw_take,
    generator,
    record,
    trimmed,
)
from neuronio.errors import NeuronIOError

SMALL = Cochlea(channels=10, samples=19_198)
SET = SyntheticDigits(train=44, test=21)

espeak = pytest.importorskip("espeakng_loader", reason="the extra 'digits' is not installed")


def content(paths):
    return {split: path.read_bytes() for split, path in paths.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small set, made in one process."""
    return make_digits(SET, tmp_path_factory.mktemp("made"), 3, cochlea=SMALL)


def test_a_word_is_the_same_in_every_process_and_another_voice_differs():
    word = Utterance("seven", "en-US+f3", 150, 50, 50)
    first, again = speak(word), speak(word)
    assert len(first) > 0.3 * SAMPLE_HZ
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, speak(replace(word, noise_seed=2)))
    assert not np.array_equal(first, speak(replace(word, voice="en-US+m3")))


def test_a_voice_that_is_not_there_is_one_sentence():
    with pytest.raises(NeuronIOError, match="cannot say 'one' with the voice xx: it has no such"):
        speak(Utterance("one", "xx", 150, 50, 50))


def test_every_speaker_exists_and_sounds_like_no_other():
    data = os.path.join(espeak.get_data_path(), "voices", "!v")
    assert {speaker.variant for speaker in SPEAKERS} <= set(os.listdir(data))
    sounds = [
        speak(Utterance("sieben", f"de+{s.variant}", 150, 50, 50)).tobytes() for s in SPEAKERS
    ]
    assert len(set(sounds)) == len(SPEAKERS) == len({s.variant for s in SPEAKERS})


def test_no_speaker_of_the_test_set_is_in_training():
    heard = {
        split: {draw_take(split, i, generator(0, split, i)).speaker for i in range(1000)}
        for split in ("train", "test")
    }
    assert not heard["train"] & heard["test"]
    assert len(heard["train"] | heard["test"]) == len(SPEAKERS)
    assert {SPEAKERS[i].gender for i in heard["test"]} == {"m", "f"}


def test_a_recording_is_a_word_in_a_background_of_the_drawn_loudness():
    take = draw_take("train", 13, generator(0, "train", 13))
    assert (take.label, take.utterance.text) == (13, "drei")
    sound = record(take, generator(0, "train", 13))
    word = trimmed(speak(take.utterance).astype(float))
    edges_s = (take.before_ms + take.after_ms) / 1000
    assert len(sound) / 48_000 == pytest.approx(len(word) / SAMPLE_HZ + edges_s, abs=1e-3)
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(take.rms, rel=0.1)


def test_a_set_has_its_classes_speakers_and_origin(made):
    train, test = (read_shd(made[split]) for split in ("train", "test"))
    assert (len(train), len(test)) == (44, 21)
    np.testing.assert_array_equal(train.label, np.arange(44) % 20)
    assert not set(train.speaker) & set(test.speaker)
    assert train.made_from["set"] == "synthetic spoken digits"
    assert "neuronio.data.digits.membrane" in train.made_from["code"]
    assert "espeakng-loader" in train.made_from["versions"]
    assert (np.diff(train.start) > 0).all()


def test_several_processes_make_the_same_bytes(made, tmp_path):
    assert content(make_digits(SET, tmp_path, 3, cochlea=SMALL, workers=2)) == content(made)


def test_recording_i_follows_from_seed_and_number_alone(made, tmp_path):
    fewer = replace(SET, train=23, test=1)
    found = read_shd(make_digits(fewer, tmp_path / "a", 3, cochlea=SMALL)["train"])
    whole = read_shd(made["train"])
    for r in range(23):
        np.testing.assert_array_equal(found.row(r)[0], whole.row(r)[0])
    other = read_shd(make_digits(fewer, tmp_path / "b", 4, cochlea=SMALL)["train"])
    assert len(other.time_s) != len(found.time_s)


def test_what_is_there_is_kept_and_other_settings_are_refused(made):
    before = {path: path.stat().st_mtime_ns for path in made.values()}
    told = []
    folder = made["train"].parent
    make_digits(SET, folder, 3, cochlea=SMALL, progress=lambda *say: told.append(say))
    assert {path: path.stat().st_mtime_ns for path in made.values()} == before
    assert told[-1] == (65, 65, "test")
    for speech, seed, cochlea, named in (
        (SET, 4, SMALL, "seed"),
        (replace(SET, train=45), 3, SMALL, "rows"),
        (SET, 3, replace(SMALL, hair_cell="article"), "cochlea.hair_cell"),
    ):
        with pytest.raises(NeuronIOError, match=f"other settings .*{named}"):
            make_digits(speech, folder, seed, cochlea=cochlea)


def test_a_killed_run_goes_on_to_the_same_bytes(made, tmp_path):
    code = (
        "from neuronio.data.digits.making import make_digits\n"
        "from neuronio.data.digits.cochlea import Cochlea\n"
        "from neuronio.data.digits.voices import SyntheticDigits\n"
        f"make_digits(SyntheticDigits(44, 21), {str(tmp_path)!r}, 3,"
        " cochlea=Cochlea(channels=10, samples=19_198))"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not (kept := list(tmp_path.glob(".*.parts/rows-*.npz"))) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert kept
    assert not digits_path(tmp_path, "test").exists()
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    made_now = []
    paths = make_digits(SET, tmp_path, 3, cochlea=SMALL, progress=lambda *say: made_now.append(say))
    assert made_now[0][0] >= 20, stamps
    assert content(paths) == content(made)
    assert sorted(tmp_path.iterdir()) == sorted(paths.values())


@pytest.fixture
def real(tmp_path):
    """A folder of two-tone 'recordings' named like those of the Free Spoken Digit Dataset."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    t = np.arange(2400) / 8000
    for digit in range(3):
        for speaker in ("george", "theo"):
            samples = 8000 * np.sin(2 * np.pi * 300 * (digit + 1) * t)
            with wave.open(str(folder / f"{digit}_{speaker}_0.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(samples.astype("<i2").tobytes())
    return folder


def test_real_recordings_of_a_folder_or_a_tar_give_the_same_set(real, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(real, "recordings")
    of_folder = make_digits(RealDigits(real), tmp_path / "1", cochlea=SMALL)
    of_tar = make_digits(RealDigits(tmp_path / "a.tar"), tmp_path / "2", cochlea=SMALL)
    assert content(of_folder) == content(of_tar)
    train, test = (read_shd(of_tar[split]) for split in ("train", "test"))
    assert train.made_from["task"] == "recorded-digits"
    assert train.label.tolist() == test.label.tolist() == [0, 1, 2]
    assert (set(train.speaker), set(test.speaker)) == ({0}, {1})


def test_speakers_may_have_any_name_without_an_underscore(real):
    (real / "0_george_0.wav").rename(real / "0_Zoë-2_0.wav")
    found = RealDigits(real)
    assert found.speakers() == ["Zoë-2", "george", "theo"]
    assert found.takes("train")[0] == "0_Zoë-2_0.wav"
    label, speaker, _ = found.sound("train", 0, np.random.default_rng(0))
    assert (label, speaker) == (0, 0)


def test_recordings_that_are_none_are_one_sentence(real, tmp_path):
    with pytest.raises(NeuronIOError, match="cannot read the recordings of"):
        RealDigits(tmp_path / "none.tar")
    (tmp_path / "text.tar").write_text("no tar")
    with pytest.raises(NeuronIOError, match="cannot read the recordings of"):
        RealDigits(tmp_path / "text.tar")
    (real / "other").mkdir()
    for name, said in (
        ("other/0_theo_0.wav", "has 0_theo_0.wav more than once"),
        ("other/0_THEO_1.WAV", "has the file 0_THEO_1.WAV, which is not named"),
        ("0_theo.wav", "has the file 0_theo.wav, which is not named"),
    ):
        (real / name).write_bytes(b"RIFF")
        with pytest.raises(NeuronIOError, match=said):
            RealDigits(real / "." / "other" / "..")
        contents.cache_clear()
        (real / name).unlink()
    for name in real.glob("*theo*"):
        name.unlink()
    with pytest.raises(NeuronIOError, match="has no recordings for test"):
        RealDigits(real / ".")
    (real / "0_theo_0.wav").write_bytes(b"RIFF")
    with pytest.raises(NeuronIOError, match=r"0_theo_0\.wav of .* is no wav file \(it ends too "):
        RealDigits(real / ".." / "recordings").sound("test", 0, np.random.default_rng(0))


def test_a_wav_file_that_is_cut_off_or_has_no_rate_is_one_sentence(real):
    whole = (real / "0_theo_0.wav").read_bytes()
    with pytest.raises(
        NeuronIOError, match=r"x\.wav is no wav file \(it ends too early\); replace"
    ):
        read_wav(whole[:-3], "x.wav")
    with pytest.raises(NeuronIOError, match=r"x\.wav has 1 channels of 16 bits at 0 Hz, where"):
        read_wav(whole[:24] + bytes(4) + whole[28:], "x.wav")
