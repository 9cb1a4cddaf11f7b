"""What the site makes of the repository's own files, and of the code."""

import re
from pathlib import Path

import pytest

from docs.hooks.fields import describe_fields
from docs.hooks.links import Links, cut_sections
from docs.hooks.verbs import describe_verbs
from foundry_bench.cli.main import VERBS
from foundry_bench.config.sweep import SweepConfig
from foundry_bench.registries import STUDENTS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def links() -> Links:
    return Links(ROOT, {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"})


def test_every_field_of_a_sweep_file_is_described() -> None:
    page = describe_fields(SweepConfig.model_json_schema())

    file = page.partition("## The file")[2].partition("\n## ")[0]
    for name in SweepConfig.model_fields:
        assert f"| `{name}` |" in file
    assert "| `question` | text | must be given | What the sweep is to answer" in file
    assert re.search(r"\| `seeds` \| list of whole number.* \| `\[0, 1, 2\]` \|", file)
    distill = page.partition("## DistillSettings")[2].partition("\n## ")[0]
    assert "| `epochs` | whole number > 0 | `8` |" in distill
    assert '| `precision` | `float32`, `bfloat16`, `auto` | `"float32"` |' in distill


def test_every_registered_student_has_its_settings_there() -> None:
    page = describe_fields(SweepConfig.model_json_schema())

    for name in sorted(STUDENTS):
        assert f"### student: {name}\n" in page
    assert page.count("\n## Kinds of `assignment`\n") == 1
    assert "[a kind of assignment](#kinds-of-assignment)" in page


def test_every_verb_is_described_with_its_options_and_examples() -> None:
    page = describe_verbs()

    for verb in VERBS:
        assert f"\n## foundry-bench {verb}\n" in page
    sweep = page.partition("## foundry-bench sweep")[2].partition("\n## ")[0]
    assert "`--dry-run` | Print what would run, and run nothing." in sweep
    assert "foundry-bench sweep sweeps/supertokens.yaml --dry-run" in sweep
    assert "\n### foundry-bench data check\n" in page


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("../README.md", "index.md"),
        ("../CONTRIBUTING.md#set-up", "contributing.md#set-up"),
        ("tasks.md", "tasks.md"),
        ("../sweeps/search.yaml", "sweeps/search.yaml"),
        ("../reports/gallery/real/", "reports/gallery/real/index.html"),
        ("https://optuna.org", "https://optuna.org"),
    ],
)
def test_links_lead_to_pages_and_copies(links: Links, link: str, target: str) -> None:
    assert links.rewrite(f"a [b]({link}) c\n", "docs/x.md", "x.md") == f"a [b]({target}) c\n"


def test_pictures_and_pages_in_folders_are_found(links: Links) -> None:
    image = '<img src="reports/gallery/real/figures/time_by_stage.png" width="4">'
    assert links.rewrite(image, "README.md", "index.md") == image

    text = "[why](../cost.md)"
    assert links.rewrite(text, "docs/decisions/x.md", "decisions/x.md") == text


def test_a_link_to_a_folder_that_the_site_lacks_becomes_words(links: Links) -> None:
    text = "in [students/](../foundry_bench/students/) there"

    assert links.rewrite(text, "docs/x.md", "x.md") == "in students/ there"


def test_code_is_left_as_it_is(links: Links) -> None:
    text = "```\n[b](../nowhere.md)\n```\n"

    assert links.rewrite(text, "docs/x.md", "x.md") == text


def test_a_link_that_leads_nowhere_is_an_error(links: Links) -> None:
    with pytest.raises(FileNotFoundError, match=r"docs/x\.md links to \.\./nowhere\.md"):
        links.rewrite("[b](../nowhere.md)", "docs/x.md", "x.md")


def test_sections_are_cut_by_their_titles() -> None:
    text = "# Top\nhead\n\n## A\none\n\n## B\ntwo\n\n## C\nthree\n"

    assert cut_sections(text, ()) == "# Top\nhead\n\n"
    assert cut_sections(text, ("A", "C")) == "# A\none\n\n## C\nthree\n"
    with pytest.raises(KeyError):
        cut_sections(text, ("D",))
