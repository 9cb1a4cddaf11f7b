"""Remove machine paths from commands and sweep files."""

import re
import shlex

_ABSOLUTE = re.compile(r"(?<![\w.:/…-])/(?:[\w.+@~-]+/)+([\w.+@~-]*)")

_HIDDEN_OPTIONS = ("--out", "--store")


def redact_paths(text: str) -> str:
    """`text` with every absolute path of at least two parts cut to its last part."""
    return _ABSOLUTE.sub(r"…/\1", text)


def redact_command(command: object) -> str:
    """A command line (text, or a list of words) without output folders and absolute paths."""
    if isinstance(command, list):
        words = [str(word) for word in command]
    else:
        try:
            words = shlex.split(str(command))
        except ValueError:
            words = str(command).split()
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _HIDDEN_OPTIONS:
            skip = True
        elif not word.startswith(tuple(f"{option}=" for option in _HIDDEN_OPTIONS)):
            kept.append(redact_paths(word))
    if kept and kept[0].endswith("/foundry-bench"):
        kept[0] = "foundry-bench"
    return shlex.join(kept)
