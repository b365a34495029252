"""The search for values with which a pass runs: from names and documentation first, then by trial.

A trial is scored by the progress of the code: through its constructor, its forward pass, its backward pass,
to gradients of the right shapes, to the right numbers. Starting from each of several conventions, one value
at a time is changed, beginning with those in the line that failed, and a change that improves the score is
kept.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import linecache
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from seqmem.checking.calling.calls import Call, Site
from seqmem.checking.calling.trial import FITTING, PAIRED, SHAPED, Outcome, Values, attempt, frames_of
from seqmem.checking.calling.values import Start, Value, first_value, others, starts
from seqmem.checking.reading.candidates import Candidate
from seqmem.checking.reading.loading import patience

SECONDS = 12.0  # of the processor, for the search for one pass
LONGEST = 30.0  # seconds by the clock, on a machine that does other things as well
MOST_TRIALS = 6000
FEW = 500  # trials per convention
AFTER = 300  # trials after gradients of the right shapes but wrong numbers
ONE = 3.0  # seconds per trial


class Search(NamedTuple):
    """The result of a search."""

    outcome: Outcome
    start: Start
    trials: int
    is_cut_short: bool = False  # by the time, which says more about the machine than about the pass


def search(candidate: Candidate, names: dict[str, Any], seed: int, fixed: dict[str, Value]) -> Search:
    """Find values with which both of a candidate's passes run.

    Args:
        candidate: the candidate.
        names: the file's global names.
        seed: seed of the test values.
        fixed: values that the user gave, by name.
    """
    with _without_printing(names):
        return _search(candidate, names, seed, fixed)


@contextlib.contextmanager
def _without_printing(names: dict[str, Any]) -> Iterator[None]:
    """Keep a file's functions from printing in the block: a search calls them hundreds of times."""
    own = names.get("print", print)
    names["print"] = lambda *_, **__: None
    try:
        yield
    finally:
        names["print"] = own


def _search(candidate: Candidate, names: dict[str, Any], seed: int, fixed: dict[str, Value]) -> Search:
    budget = _Budget()
    first = Call(candidate, names, seed, fixed)
    order = starts(candidate.name, [site.name for site in first.sites()], first.text)
    tried = _first_trials(candidate, names, seed, fixed, order, budget)
    tried.sort(key=lambda one: one.outcome.score, reverse=True)
    best = tried[0]
    for one in tried:
        if not _outweighs(best.outcome, one.outcome):
            best = one
    if best.outcome.score[0] == SHAPED:
        budget.most = budget.trials + AFTER
    for one in tried:
        if best.outcome.score[0] == FITTING or budget.is_spent:
            break
        outcome = _climb(Call(candidate, names, seed, fixed), one.start, budget, FEW)
        if outcome.score > best.outcome.score and _outweighs(outcome, best.outcome):
            best = Search(outcome, one.start, 0)
        if outcome.score[0] == SHAPED:
            budget.most = min(budget.most, budget.trials + AFTER)
    return best._replace(trials=budget.trials, is_cut_short=budget.is_late)


def _first_trials(
    candidate: Candidate,
    names: dict[str, Any],
    seed: int,
    fixed: dict[str, Value],
    order: list[Start],
    budget: _Budget,
) -> list[Search]:
    """Return one trial of each convention, until one fits."""
    tried: list[Search] = []
    begun = []  # the values of each start: for a pass without weights, many are the same
    for start in order:
        call = Call(candidate, names, seed, fixed)
        values = _first_values(call, start)
        if values in begun:
            continue
        begun.append(values)
        tried.append(Search(_climb(call, start, budget, 1), start, 0))
        if tried[-1].outcome.score[0] == FITTING or budget.is_spent:
            break
    return tried


def _outweighs(right: Outcome, wrong: Outcome) -> bool:
    """Return whether right numbers outweigh wrong numbers found elsewhere: not if less was tested."""
    if right.plan is None or wrong.plan is None or wrong.score[0] < SHAPED or right.score[0] != FITTING:
        return True
    if right.score[0] == wrong.score[0]:
        return True
    sizes = [
        (len(one.plan.pairing.places), sum(one.plan.arrays[name].size for name in one.plan.pairing.places))
        for one in (right, wrong)
        if one.plan is not None
    ]
    return sizes[0][0] >= sizes[1][0] and 2 * sizes[0][1] >= sizes[1][1]


class _Budget:
    def __init__(self) -> None:
        self.end, self.latest = time.process_time() + SECONDS, time.monotonic() + LONGEST
        self.trials, self.most = 0, MOST_TRIALS

    @property
    def is_spent(self) -> bool:
        """Return whether the search has used up its time or its trials."""
        return self.trials >= self.most or self.is_late

    @property
    def is_late(self) -> bool:
        """Return whether the search has used up its time."""
        return time.process_time() > self.end or time.monotonic() > self.latest


def _first_value(call: Call, start: Start, site: Site) -> Value:
    known = call.known(site)
    return known if known is not None else first_value(site.name, start, call.hint(site), site.place)


def _first_values(call: Call, start: Start) -> Values:
    return {site: _first_value(call, start, site) for site in call.sites()}


def _climb(call: Call, start: Start, budget: _Budget, most: int) -> Outcome:
    def first(site: Site) -> Value:
        return _first_value(call, start, site)

    def run(values: Values) -> Outcome:
        budget.trials += 1
        try:
            with patience(ONE):
                return attempt(call, values, first)
        except TimeoutError as error:
            return Outcome((-1,), values, None, error)

    last = budget.trials + most
    best = run(_first_values(call, start))
    while best.score < (SHAPED,) and not budget.is_spent and budget.trials < last:
        changes = _changes(call, best, run, budget)
        better = next((one for one in changes if one.score > best.score), None)
        if better is None:
            break
        best = better
    return best


def _changes(
    call: Call, best: Outcome, run: Callable[[Values], Outcome], budget: _Budget
) -> Iterator[Outcome]:
    """Yield the outcomes of other values, one site at a time, then two sites in the same line."""
    order = _by_relevance(call, best)
    for site in order:
        for value in _options(site, best):
            if budget.is_spent:
                return
            if value != best.values[site]:
                yield run({**best.values, site: value})
    for one, other in itertools.islice(itertools.combinations(order, 2), 6):
        pairs = itertools.product(_options(one, best)[:16], _options(other, best)[:16])
        for first, second in pairs:
            if budget.is_spent:
                return
            yield run({**best.values, one: first, other: second})


def _options(site: Site, best: Outcome) -> list[Value]:
    if isinstance(_cause(best), IndexError) and "must be of integer" in str(_cause(best)):
        return sorted(others(site.name, site.place), key=lambda value: value.kind != "index")
    wanted = best.wanted.get(site.name)
    found = [Value("float", wanted)] if wanted and best.values[site].is_float and all(wanted) else []
    return found + others(site.name, site.place)


def _cause(outcome: Outcome) -> BaseException | None:
    error = outcome.error
    return error.__cause__ if error is not None and error.__cause__ else error


def _by_relevance(call: Call, best: Outcome) -> list[Site]:
    """Return the sites whose values may change, beginning with those in the failing line."""
    free = [site for site in best.values if call.known(site) is None]
    if best.score[0] == PAIRED:
        return [site for site in free if site.name in best.wanted] + [
            site for site in free if site.name not in best.wanted
        ]
    error = _cause(best)
    said: set[str] = set()
    for frame in frames_of(error) if error is not None else []:
        said |= _names_in(frame.tb_frame.f_code.co_filename, frame.tb_lineno)
    free.sort(key=lambda site: site.place in ("init", "make"))  # sizes are seldom the cause
    near = [site for site in free if site.name in said or site.owner in said]
    return near + [site for site in free if site not in near]


def _names_in(path: str, line: int) -> set[str]:
    text = linecache.getline(path, line).strip()
    for suffix in ("", " pass"):
        try:
            tree = ast.parse(text + suffix)
        except SyntaxError:
            continue
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        return names | {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    import re

    return set(re.findall(r"[A-Za-z_]\w*", text))
