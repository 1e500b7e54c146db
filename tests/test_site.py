"""The site: it is built strictly, which checks every link and anchor, and nothing is missing."""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

import neuronio
from neuronio.command.app import app

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def build(config: Path, site: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    command += ["--config-file", str(config), "--site-dir", str(site)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs" / "site" / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stderr
    return folder


def ids(page: Path) -> set[str]:
    """What links may lead to in a page."""
    return set(re.findall(r'\bid="([^"]+)"', page.read_text()))


@pytest.mark.slow
def test_the_reference_has_every_public_name_and_every_subcommand(site):
    names = {f"neuronio.{name}" for name in neuronio.__all__}
    assert names <= ids(site / "reference" / "python.html")
    commands = {c.name or c.callback.__name__ for c in app.registered_commands}
    assert {f"neuronio-{name}" for name in commands} <= ids(site / "reference" / "command.html")


@pytest.mark.slow
def test_examples_of_docstrings_are_code(site):
    text = (site / "reference" / "python.html").read_text()
    assert "<blockquote>" not in text
    assert "&gt;&gt;&gt;" in text


@pytest.mark.slow
def test_every_file_that_a_page_names_is_in_the_site(site):
    for page in site.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text()):
            if page.name != "404.html" and not re.match(r"[a-z]+:|//", target):
                assert (page.parent / unescape(target)).exists(), f"{page.name}: {target}"


@pytest.mark.slow
def test_notebooks_have_their_figures(site):
    for notebook in NOTEBOOKS:
        page = (site / "notebooks" / notebook.name).with_suffix(".html").read_text()
        assert re.findall(rf'<img[^>]*src="{notebook.stem}-\d.png"', page)


@pytest.mark.slow
def test_a_link_to_nothing_is_refused(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# A page\n\n[gone](gone.md), [lost](#lost)\n")
    text = (ROOT / "docs" / "site" / "mkdocs.yml").read_text()
    kept = re.search(r"^validation:\n(  .*\n)+", text, re.MULTILINE)[0]
    (tmp_path / "mkdocs.yml").write_text(f"site_name: small\n{kept}")
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode == 1
    assert "gone.md" in done.stderr
    assert "#lost" in done.stderr
