"""Evidence -> the report of a sweep, complete and not yet drawn or written."""

from dataclasses import dataclass

import pandas as pd

from foundry_bench.report.analysis.corruptions import find_clean
from foundry_bench.report.analysis.fronts import find_fronts
from foundry_bench.report.analysis.generality import generalise
from foundry_bench.report.analysis.proxies import find_agreements
from foundry_bench.report.analysis.reruns import find_reruns
from foundry_bench.report.analysis.specialists import contest
from foundry_bench.report.claims.judge import Judged, judge_claims, load_claims
from foundry_bench.report.claims.material import gather
from foundry_bench.report.claims.settings import ClaimsFile
from foundry_bench.report.figures.clouds import find_painting
from foundry_bench.report.figures.collect import collect_pictures, fig2_data
from foundry_bench.report.profiles.faults import tell_faults
from foundry_bench.report.profiles.scene_section import scene_section
from foundry_bench.report.profiles.section import profile_section
from foundry_bench.report.published import tell_published
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.records.provenance import describe_environment
from foundry_bench.report.records.rows import tidy_rows
from foundry_bench.report.records.task_data import name_data
from foundry_bench.report.sections import SweepReport
from foundry_bench.report.sentences.fronts import read_fronts
from foundry_bench.report.sentences.proxies import read_agreements
from foundry_bench.report.sentences.results import read_results
from foundry_bench.report.sentences.tasks import read_contests, read_generality
from foundry_bench.report.sentences.warnings import warn, warn_of_profiles
from foundry_bench.report.study.study import Study, study_sweeps
from foundry_bench.report.tables.corruptions import tabulate_corruptions
from foundry_bench.report.tables.costs import tabulate_costs
from foundry_bench.report.tables.generality import tabulate_generality
from foundry_bench.report.tables.parts import tabulate_parts
from foundry_bench.report.tables.results import results_lines, results_table
from foundry_bench.report.tables.search import tabulate_search
from foundry_bench.report.tables.specialists import tabulate_specialists


@dataclass(frozen=True)
class Report:
    """The report of one sweep or several, and of what models cost.

    Attributes:
        paper: whose claims are judged.
        rows: of all sweeps.
        sweeps: in order; what records of `profile` say comes last, as if it were some.
        notes: what could not be read.
    """

    title: str
    paper: str
    claims: tuple[Judged, ...]
    rows: pd.DataFrame
    sweeps: tuple[SweepReport, ...]
    notes: tuple[str, ...]


def assemble(evidence: Evidence, claims: ClaimsFile | None = None) -> Report:
    """The report on all sweeps of `evidence`, and on what its records of `profile` measured;
    without any it has notes and nothing else.

    Args:
        evidence: the records.
        claims: what is judged; by default the paper's claims.
    """
    rows = tidy_rows(evidence)
    studies = study_sweeps(evidence, rows)
    judged, material = claims or load_claims(), gather(evidence, studies)
    costs = profile_section(evidence.profiles, has_trials=bool(studies))
    found = (*map(_assemble_sweep, studies), costs, scene_section(evidence))
    sweeps = tuple(section for section in found if section is not None)
    notes = [*evidence.notes, *warn_of_profiles(material.profiles), *tell_faults(evidence.profiles)]
    if not sweeps:
        notes.append("There are no records of trials: nothing to show.")
    return Report(
        " + ".join(sweep.name for sweep in sweeps) or "empty",
        judged.paper,
        judge_claims(judged, material),
        rows,
        sweeps,
        tuple(notes),
    )


def _assemble_sweep(study: Study) -> SweepReport:
    evidence, summary = study.evidence, study.summary
    fronts = find_fronts(summary, study.costs)
    data_of = name_data(evidence.trials)
    generality = generalise(summary, data_of)
    extras = (
        tabulate_generality(generality) if generality else None,
        tabulate_specialists(summary, study.specialists),
        tabulate_corruptions(summary, find_clean(evidence)),
        tabulate_parts(summary),
        tabulate_search(study, fronts),
        tabulate_costs(summary, study.costs, fronts),
    )
    results = read_results(summary, fig2_data(summary))
    agreements = read_agreements(find_agreements(summary, data_of))
    if study.is_search:  # of results there are too many series to tell of, but for the limits
        statements = [*read_fronts(fronts), *agreements, *results[-1:]]
    else:
        statements = [
            *(read_generality(generality) if generality else ()),
            *read_contests(contest(summary, study.specialists)),
            *results[:-1],
            *agreements,
            *results[-1:],
            *read_fronts(fronts),
        ]
    notes = warn(study)
    if any(trial.role == "main" for trial in evidence.trials) and find_painting(study) is None:
        notes.append("No stage left clouds to paint.")
    return SweepReport(
        study.name,
        study.info,
        tuple(statements),
        tuple(notes),
        tuple(collect_pictures(study, generality, fronts)),
        results_table(summary, tell_published(evidence.trials, summary.results)),
        tuple(results_lines(summary)),
        tuple(extra for extra in extras if extra is not None),
        tuple(describe_environment(evidence)),
        find_reruns(study),
    )
