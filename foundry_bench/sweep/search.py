"""Optuna's part of a sweep: what to try next, given what came of what was tried.

A suggestion depends on the search's settings, its number, and the results of the suggestions that
came `concurrent` or more before it; so a search that was killed suggests the same again, and who
was faster does not matter. `search.journal` in the output folder holds the suggestions, for the
next call and for Optuna's own tools; what they came to is read from the records each time.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from foundry_bench.config.search import Objective, Range, SearchSettings
from foundry_bench.config.searchcheck import is_whole
from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.files import replacing
from foundry_bench.seeds import derive
from foundry_bench.sweep.expand import Expansion, trial_id
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.objectives import Worth, worth

JOURNAL = "search.journal"
STUDY = "search"
SAMPLED_DRAWS = 20
"""Draws of one suggestion by the sampler, while they bring what was tried already."""
MAX_DRAWS = 1000
"""Draws by chance after that, before the search ends for want of anything new."""
_DIRECTIONS = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}
_STATES = {
    "done": TrialState.COMPLETE,
    "failed": TrialState.FAIL,
    "pruned": TrialState.PRUNED,
}


@dataclass(frozen=True)
class Suggestion:
    """A choice of values.

    Attributes:
        changes: dotted path -> value.
        trials: one a seed.
    """

    number: int
    changes: Mapping[str, Any]
    trials: Sequence[TrialConfig]


@dataclass(frozen=True)
class Best:
    """A suggestion that no other is better than, in all objectives.

    Attributes:
        values: objective -> mean over seeds.
    """

    changes: Mapping[str, Any]
    values: Mapping[str, float]


@dataclass(frozen=True)
class Found:
    """What came of a search.

    Attributes:
        suggestions: how many were made.
        planned: how many were to be made; more than `suggestions` if nothing new was left.
        best: of several objectives the front; empty if nothing ended well.
    """

    suggestions: int
    planned: int
    objectives: Sequence[str]
    best: Sequence[Best]


class Search:
    """The search of a sweep.

    Attributes:
        suggestions: all that were made, in this call and before.
    """

    def __init__(
        self, expansion: Expansion, folder: Folder, has_ended: Callable[[TrialConfig], bool]
    ) -> None:
        """Take up what the folder's journal holds; none of its suggestions is made again.

        `has_ended` says of a trial whether it need not run, or run again.
        """
        settings = expansion.sweep.search
        assert settings is not None
        self.settings: SearchSettings = settings
        self._expansion = expansion
        self._folder = folder
        self._has_ended = has_ended
        self._distributions = distributions(expansion.sweep)
        self.suggestions: list[Suggestion] = []
        self._known: set[str] = set()
        journal = folder.root / JOURNAL
        made = [trial for trial in read_journal(journal) if self._add(trial.params)]
        self._waiting = {each.number: self._left(each) for each in self.suggestions}
        self._study = _rewritten(
            journal,
            settings.objectives,
            map(self._reviewed, made, self.suggestions),
        )

    @property
    def num_to_come(self) -> int:
        """Suggestions that were not made yet."""
        return self.settings.trials - len(self.suggestions)

    @property
    def trials(self) -> list[TrialConfig]:
        """Of all suggestions that were made."""
        return [trial for made in self.suggestions for trial in made.trials]

    def waiting(self) -> list[list[TrialConfig]]:
        """What is left to run of the suggestions that were made, a group for each of them."""
        return [group for group in self._waiting.values() if group]

    def next(self) -> list[TrialConfig] | None:
        """The trials of the next suggestion that has to run; empty at the end of the search; None
        while it waits for a result.

        Raises:
            FoundryError: if an objective is not among a trial's numbers, or a trial cannot be
                planned.
        """
        while len(self.suggestions) < self.settings.trials:
            if not self._tell(len(self.suggestions) - self.settings.concurrent + 1):
                return None
            made = self._suggest()
            if made is None:
                break
            for trial in made.trials:
                self._folder.save(trial)
            left = self._left(made)
            for trial in left:
                self._folder.forget(trial)
            if left:
                return left
        return []

    def found(self) -> Found:
        """What came of it so far."""
        self._tell(len(self.suggestions))
        names = [objective.name for objective in self.settings.objectives]
        best = [
            Best(
                self.suggestions[trial.number].changes, dict(zip(names, trial.values, strict=True))
            )
            for trial in self._study.best_trials
        ]
        objectives = [str(objective) for objective in self.settings.objectives]
        return Found(len(self.suggestions), self.settings.trials, objectives, best)

    def _add(self, params: Mapping[str, Any]) -> Suggestion | None:
        """The suggestion with Optuna's `params`, if it can run and is not among those made."""
        axes = self._expansion.sweep.axes
        changes = {path: chosen(axes[path], params[path]) for path in axes}
        trials = self._expansion.suggested(changes)
        if trials is None or trial_id(trials[0]) in self._known:
            return None
        made = Suggestion(len(self.suggestions), changes, trials)
        self._known.add(trial_id(trials[0]))
        self.suggestions.append(made)
        return made

    def _left(self, made: Suggestion) -> list[TrialConfig]:
        return [trial for trial in made.trials if not self._has_ended(trial)]

    def _reviewed(self, trial: FrozenTrial, made: Suggestion) -> FrozenTrial:
        """`trial` of the journal as the records have it, and as far as a search that was never
        interrupted would know by now.
        """
        retry_pending = made.number <= len(self.suggestions) - 1 - self.settings.concurrent
        found = self._worth(made) if retry_pending and not self._waiting[made.number] else None
        return create_trial(
            state=TrialState.RUNNING if found is None else _STATES[found.status],
            values=found.values or None if found else None,
            params=trial.params,
            distributions=self._distributions,
            system_attrs=trial.system_attrs,
        )

    def _worth(self, made: Suggestion) -> Worth | None:
        return worth(made.trials, self.settings.objectives, self._folder)

    def _tell(self, count: int) -> bool:
        """Tell the study what the first `count` suggestions came to; whether all have ended."""
        for made in self.suggestions[: max(count, 0)]:
            if self._study.get_trials(deepcopy=False)[made.number].state.is_finished():
                continue
            found = self._worth(made)
            if found is None:
                return False
            self._study.tell(made.number, found.values or None, state=_STATES[found.status])
        return True

    def _suggest(self) -> Suggestion | None:
        """A new suggestion, or None if there seems to be none."""
        seed = derive(self.settings.seed, "search", len(self.suggestions)) % 2**32
        scratch = _new_study(None, self.settings.objectives, self._sampler(seed))
        scratch.add_trials(self._study.get_trials(deepcopy=False))
        drawn_before: list[Mapping[str, Any]] = []
        for draw in range(SAMPLED_DRAWS + MAX_DRAWS):
            if draw == SAMPLED_DRAWS:
                scratch.sampler = RandomSampler(seed)
            drawn = scratch.ask(self._distributions)
            made = None if drawn.params in drawn_before else self._add(drawn.params)
            if made is not None:
                attributes = scratch.get_trials(deepcopy=False)[-1].system_attrs
                self._study.add_trial(
                    create_trial(
                        state=TrialState.RUNNING,
                        params=drawn.params,
                        distributions=self._distributions,
                        system_attrs=attributes,
                    )
                )
                return made
            drawn_before.append(drawn.params)
            scratch.tell(drawn, state=TrialState.FAIL)
        return None

    def _sampler(self, seed: int) -> BaseSampler:
        match self.settings.sampler:
            case "tpe":
                return TPESampler(seed=seed)
            case "nsga2":
                return NSGAIISampler(seed=seed, population_size=population(self.settings.trials))
            case "random":
                return RandomSampler(seed)


def population(trials: int) -> int:
    """Of NSGA-II: so small that there are about five generations; Optuna's own 50 are one."""
    return min(50, max(4, trials // 5))


def distributions(sweep: SweepConfig) -> dict[str, BaseDistribution]:
    """The axes in Optuna's words."""
    return {path: _distribution(sweep, path) for path in sweep.axes}


def _distribution(sweep: SweepConfig, path: str) -> BaseDistribution:
    axis = sweep.axes[path]
    if not isinstance(axis, Range):
        return CategoricalDistribution([_choice(value) for value in axis])
    if is_whole(sweep, path):
        return IntDistribution(int(axis.low), int(axis.high), axis.log, int(axis.step or 1))
    return FloatDistribution(axis.low, axis.high, axis.log, axis.step)


def _choice(value: object) -> Any:
    """A value of a list as Optuna takes it: settings as JSON."""
    plain = value is None or isinstance(value, bool | int | float | str)
    return value if plain else json.dumps(value, sort_keys=True)


def chosen(axis: list[Any] | Range, choice: object) -> Any:
    """The value that Optuna's `choice` stands for; of a range with four digits, which is as much as
    an experiment tells apart, and can be read.
    """
    if isinstance(axis, Range):
        return float(f"{choice:.4g}") if isinstance(choice, float) else choice
    return next(value for value in axis if _choice(value) == choice)


def read_journal(path: Path) -> list[FrozenTrial]:
    """The suggestions in a journal; none if it is not there, or was damaged: the same are made
    again.
    """
    if not path.exists():
        return []
    try:
        study = optuna.load_study(study_name=STUDY, storage=_storage(path))
        return study.get_trials(deepcopy=False)
    except (KeyError, ValueError, OSError):
        return []


def _rewritten(
    path: Path, objectives: Sequence[Objective], trials: Iterable[FrozenTrial]
) -> optuna.Study:
    """A study with `trials` in a new journal at `path`."""
    with replacing(path) as temporary:
        study = _new_study(_storage(temporary), objectives, None)
        study.add_trials(trials)
    with contextlib.suppress(FileNotFoundError):
        Path(f"{path}.lock").unlink()  # of a process that was killed: this one holds the folder
    return optuna.load_study(study_name=STUDY, storage=_storage(path))


def _new_study(
    storage: JournalStorage | None, objectives: Sequence[Objective], sampler: BaseSampler | None
) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        storage=storage,
        sampler=sampler,
        study_name=STUDY,
        directions=[_DIRECTIONS[objective.direction] for objective in objectives],
    )


def _storage(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path)))
