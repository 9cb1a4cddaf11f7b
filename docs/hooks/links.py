"""Links between files of the repository, as links between pages of the site."""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LINK = re.compile(r'(\]\(|src=")([^)"\s]+)')
_OUTSIDE = ("http://", "https://", "mailto:", "#", "data:")
REPORTS = "reports/gallery"


@dataclass
class Links:
    """What is where.

    Attributes:
        root: of the repository.
        pages: file of the repository -> page of the site, for those with other names there.
        wanted: files outside of `docs/` that pages link to: the site needs a copy of each.
    """

    root: Path
    pages: Mapping[str, str]
    wanted: set[str] = field(default_factory=set)

    def rewrite(self, text: str, source: str, page: str) -> str:
        """`text` of the file `source`, to be shown as `page`, with links that lead there.

        A link to a folder that the site does not have becomes its words alone.

        Raises:
            FileNotFoundError: if a link leads nowhere.
        """
        return _outside_code(text, lambda line: self._rewrite_line(line, source, page))

    def _rewrite_line(self, line: str, source: str, page: str) -> str:
        line = re.sub(
            r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)",
            lambda match: match[1] if self._is_folder(match[2], source) else match[0],
            line,
        )
        return _LINK.sub(lambda match: match[1] + self._target(match[2], source, page), line)

    def _is_folder(self, link: str, source: str) -> bool:
        if link.startswith(_OUTSIDE):
            return False
        path = _resolve(link, source)
        is_known = path in self.pages or posixpath.dirname(path) == REPORTS
        return (self.root / path).is_dir() and not is_known

    def _target(self, link: str, source: str, page: str) -> str:
        if link.startswith(_OUTSIDE):
            return link
        address, mark, part = link.partition("#")
        path = _resolve(address, source)
        if not (self.root / path).exists():
            raise FileNotFoundError(f"{source} links to {link}, which is not there")
        if path not in self.pages and (self.root / path).is_dir():
            path += "/index.html"
        if path in self.pages:
            place = self.pages[path]
        elif path.startswith("docs/"):
            place = path.removeprefix("docs/")
        else:
            self.wanted.add(path)
            place = path
        return posixpath.relpath(place, posixpath.dirname(page) or ".") + mark + part


def cut_sections(text: str, titles: Iterable[str]) -> str:
    """The sections of a Markdown text with these titles of second level, the first as its title.

    Without titles: what stands before the first of them.

    Raises:
        KeyError: if one is missing.
    """
    head, *rest = re.split(r"^## ", text, flags=re.MULTILINE)
    wanted = list(titles)
    if not wanted:
        return head
    found = {part.partition("\n")[0]: part.partition("\n")[2] for part in rest}
    first, *others = (f"# {title}\n{found[title]}" for title in wanted)
    return first + "".join(f"#{other}" for other in others)


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    lines = []
    in_code = False
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        lines.append(line if in_code or line.startswith("    ") else change(line))
    return "".join(lines)


def _resolve(link: str, source: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link.partition("#")[0]))
