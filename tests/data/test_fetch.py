import hashlib

import pytest

from neuronio.data import fetch as module
from neuronio.data.fetch import Source, fetch, sources
from neuronio.errors import NeuronIOError

CONTENT = b"a morphology\r\nof two lines\r\n"
SHA256 = hashlib.sha256(CONTENT.replace(b"\r\n", b"\n")).hexdigest()


@pytest.fixture
def origin(tmp_path, monkeypatch):
    """A source of one file, at a file:// address, with nothing cached and no mirror."""
    file = tmp_path / "origin.asc"
    source = Source("x.asc", file.as_uri(), SHA256, "none", "")
    monkeypatch.setattr(module, "sources", lambda: {"x.asc": source})
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NEURONIO_MIRROR", raising=False)
    return file


def test_a_download_is_checked_and_kept(origin):
    origin.write_bytes(CONTENT)
    path = fetch("x.asc")
    origin.unlink()
    assert fetch("x.asc") == path
    assert path.read_bytes() == CONTENT


def test_a_damaged_cache_is_fetched_again(origin):
    origin.write_bytes(CONTENT)
    path = fetch("x.asc")
    path.write_bytes(b"damaged")
    assert fetch("x.asc").read_bytes() == CONTENT


def test_a_mirror_comes_first(origin, tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    copy = tmp_path / "mirror" / "x.asc"
    copy.write_bytes(CONTENT.replace(b"\r\n", b"\n"))
    monkeypatch.setenv("NEURONIO_MIRROR", str(copy.parent))
    assert fetch("x.asc") == copy
    copy.write_bytes(b"damaged")
    with pytest.raises(NeuronIOError, match="the mirror's copy"):
        fetch("x.asc")


def test_no_origin_and_a_wrong_file_are_one_sentence(origin):
    with pytest.raises(NeuronIOError, match=r"after 3 attempts.*NEURONIO_MIRROR"):
        fetch("x.asc")
    origin.write_bytes(b"another file")
    with pytest.raises(NeuronIOError, match="wrong checksum"):
        fetch("x.asc")
    with pytest.raises(NeuronIOError, match=r"nothing called y\.asc"):
        fetch("y.asc")


def test_the_packaged_morphology_needs_no_download(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path))
    monkeypatch.delenv("NEURONIO_MIRROR", raising=False)
    assert fetch("C060114A7.asc").is_file()
    assert not list(tmp_path.iterdir())


def test_every_source_has_a_checksum_and_a_licence():
    for source in sources().values():
        assert len(source.sha256) == 64
        assert source.licence
