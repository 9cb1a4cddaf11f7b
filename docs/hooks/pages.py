"""What the site has beside the pages of `docs/`.

Pages are made from README, CONTRIBUTING and the like, which stay the one place of what they say,
and from the schema and the commands themselves. What pages link to comes along: the site needs no
network.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.hooks.fields import describe_fields
from docs.hooks.links import REPORTS, Links, cut_sections
from docs.hooks.verbs import describe_verbs
from foundry_bench.config.sweep import SweepConfig

ROOT = Path(__file__).parents[2]

README = {
    "index.md": ("What else it has measured",),
    "quickstart.md": ("Two commands", "Using it"),
    "concepts.md": ("Concepts, on one page",),
    "own_data.md": ("Your own shapes",),
}
"""Page -> the sections of README.md that it shows; the first opens with what stands before them."""

WHOLE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "reports/README.md": "reports.md",
}
"""File of the repository -> the page that shows it."""

_WIDE = "---\nhide: [navigation]\n---\n\n"
"""Makes room on the page that has no neighbours to navigate to."""

_LINKS = Links(
    ROOT,
    {
        "README.md": "index.md",
        "sweeps/schema.json": "sweep_file.md",
        REPORTS: WHOLE["reports/README.md"],
        **WHOLE,
    },
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and the reports, which are pages of their own."""
    for page, text in _made_pages().items():
        files.append(File.generated(config, page, content=text))
    for path in sorted((ROOT / REPORTS).rglob("*")):
        place = path.relative_to(ROOT)
        if path.is_file() and "records" not in place.parts and path.suffix != ".md":
            files.append(File.generated(config, place.as_posix(), abs_src_path=str(path)))
    for page in files.documentation_pages():
        if page.generated_by is None and page.abs_src_path:
            text = Path(page.abs_src_path).read_text(encoding="utf-8")
            _LINKS.rewrite(text, f"docs/{page.src_uri}", page.src_uri)
    while missing := [n for n in sorted(_LINKS.wanted) if files.get_file_from_path(n) is None]:
        for name in missing:  # which may link to further files
            _add_linked(name, files, config)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of the pages that lie in `docs/`."""
    if page.file.generated_by is not None:
        return markdown
    return _LINKS.rewrite(markdown, f"docs/{page.file.src_uri}", page.file.src_uri)


def _made_pages() -> dict[str, str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {}
    for page, titles in README.items():
        text = cut_sections(readme, titles)
        if page == "index.md":
            text = f"{_WIDE}{cut_sections(readme, ())}\n#{text}"
        pages[page] = _LINKS.rewrite(text, "README.md", page)
    for path, page in WHOLE.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        pages[page] = _LINKS.rewrite(text, path, page)
    pages["sweep_file.md"] = describe_fields(SweepConfig.model_json_schema())
    pages["command_line.md"] = describe_verbs()
    return pages


def _add_linked(name: str, files: Files, config: MkDocsConfig) -> None:
    """A copy of a file of the repository; one in Markdown becomes a page."""
    if name.endswith(".md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=_LINKS.rewrite(text, name, name)))
    else:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
