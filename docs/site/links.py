"""Pages that lie outside docs/, and links that lead out of it.

In the repository a link is a path from the file that it stands in, and so it works on GitHub. In
the site it leads to the page that the file has become; a file that is no page is copied there.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "README.md": "index.md",
    "config/README.md": "configuration.md",
    "config/options.md": "options.md",
    "data/README.md": "data.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"(?<=\]\()[^)\s#:]+(?=[#)])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Bring in the pages of PAGES."""
    for path, uri in PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn every link to a file of the repository into one within the site."""
    here = page.file.src_uri
    origin = {uri: path for path, uri in PAGES.items()}.get(here, f"docs/{here}")
    folder = (ROOT / origin).parent

    def moved(link: re.Match) -> str:
        target = (folder / link[0]).resolve()
        if not target.is_file() or not target.is_relative_to(ROOT):
            return link[0]  # mkdocs says that there is nothing
        uri = in_site(target.relative_to(ROOT).as_posix())
        if files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, abs_src_path=str(target)))
        return posixpath.relpath(uri, posixpath.dirname(here) or ".")

    return LINK.sub(moved, markdown)


def in_site(path: str) -> str:
    """Where a file of the repository is in the site.

    >>> in_site("config/README.md"), in_site("docs/cells.md"), in_site("config/study.yaml")
    ('configuration.md', 'cells.md', 'files/config/study.yaml')
    """
    if path.startswith("docs/"):
        return path.removeprefix("docs/").replace(".ipynb", ".md")
    return PAGES.get(path, f"files/{path}")
