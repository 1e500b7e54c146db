import gzip
import hashlib
import http.client

import pytest

from neuronio.data import fetch as module
from neuronio.data.fetch import Source, fetch, named, sources
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


def test_a_mirror_that_is_not_there_is_told(origin, tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONIO_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(NeuronIOError, match=r"names the folder .*nowhere, which is not there"):
        fetch("x.asc")


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


def test_a_download_that_breaks_off_is_tried_again(origin, monkeypatch):
    origin.write_bytes(CONTENT)
    asked, opened = [], module.urllib.request.urlopen

    def breaks(url, timeout):
        asked.append(url)
        if len(asked) < 3:
            raise http.client.IncompleteRead(b"")
        return opened(url, timeout=timeout)

    monkeypatch.setattr(module.urllib.request, "urlopen", breaks)
    assert fetch("x.asc").read_bytes() == CONTENT
    assert len(asked) == 3


def test_the_packaged_morphology_needs_no_download(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path))
    monkeypatch.delenv("NEURONIO_MIRROR", raising=False)
    assert fetch("C060114A7.asc").is_file()
    assert not list(tmp_path.iterdir())


def test_every_source_has_a_checksum_and_a_licence():
    for source in sources().values():
        kind, checksum = source.checksum.split()
        assert len(checksum) == {"sha256": 64, "md5": 32}[kind]
        assert source.licence


PACKED = b"recordings\n"


@pytest.fixture
def packed(origin, tmp_path, monkeypatch):
    """A source that is packed at its origin, with an md5 alone; and a mirror that is empty."""
    md5 = hashlib.md5(PACKED).hexdigest()
    url = (tmp_path / "origin.h5.gz").as_uri()
    source = Source("shd/x.h5", url, "", "none", "", md5)
    monkeypatch.setattr(module, "sources", lambda: {"shd/x.h5": source})
    (tmp_path / "mirror" / "shd").mkdir(parents=True)
    monkeypatch.setenv("NEURONIO_MIRROR", str(tmp_path / "mirror"))
    return tmp_path


def test_what_is_packed_is_unpacked_and_checked_by_its_md5(packed):
    (packed / "origin.h5.gz").write_bytes(gzip.compress(PACKED))
    assert fetch("shd/x.h5").read_bytes() == PACKED
    assert named("shd") == ["shd/x.h5"]
    assert named("other") == ["other"]


def test_a_mirror_may_have_it_packed_or_not(packed):
    copy = packed / "mirror" / "shd" / "x.h5.gz"
    copy.write_bytes(gzip.compress(b"another")[:-3])
    with pytest.raises(NeuronIOError, match=r"the mirror's copy .*x\.h5\.gz is damaged"):
        fetch("shd/x.h5")
    copy.write_bytes(gzip.compress(b"another"))
    with pytest.raises(NeuronIOError, match="has another content"):
        fetch("shd/x.h5")
    copy.write_bytes(gzip.compress(PACKED))
    assert fetch("shd/x.h5").read_bytes() == PACKED
    (packed / "mirror" / "shd" / "x.h5").write_bytes(b"damaged")
    with pytest.raises(NeuronIOError, match="has md5"):
        fetch("shd/x.h5")


def test_a_damaged_pack_at_the_origin_is_one_sentence(packed):
    (packed / "origin.h5.gz").write_bytes(gzip.compress(PACKED)[:-9])
    with pytest.raises(NeuronIOError, match="after 3 attempts"):
        fetch("shd/x.h5")


def test_what_only_a_mirror_has_says_so(packed, monkeypatch):
    source = Source("a.tar", "mirror:https://example.org/a", "0" * 64, "none", "")
    monkeypatch.setattr(module, "sources", lambda: {"a.tar": source})
    with pytest.raises(NeuronIOError, match=r"a\.tar is in no mirror: .*https://example\.org/a"):
        fetch("a.tar")


def test_what_is_put_into_a_mirror_as_was_told_is_found(packed):
    with pytest.raises(NeuronIOError, match=r"put it into a folder as shd/x\.h5 and"):
        fetch("shd/x.h5")
    told = packed / "mirror" / "shd/x.h5"
    told.write_bytes(PACKED)
    assert fetch("shd/x.h5") == told
