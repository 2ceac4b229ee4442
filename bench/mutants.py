"""Mutation testing: puts small faults into the modules where they would cost most; the tests have to notice each.

``python -m bench.mutants [checkout sessions cache]`` (promise 31). The modules are changed in copies of the tree. The
tests run once without any mutant, and it is recorded which test executes which line. Then, for each mutant, the tests
that execute its statement run, the quickest first, until one fails. Only tests that run filmer in their own process can
be selected that way. Without a mutant none takes longer than QUICK seconds; one that takes LATE seconds has failed.

A mutant that survives needs an entry in ``survivors.toml`` with the reason why it does no harm.
FILMER_TRUST_MUTANTS: how many mutants are sampled, always the same ones; without it all run.
"""

import compileall
import json
import os
import random
import shutil
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from bench.mutant_worker import QUICK, BaselineRun, Outcome, fork, run_pytest, run_worker, use_tree
from bench.mutations import Mutant, mutants_of

ROOT = Path(__file__).parent.parent
SHARE = 0.9  # at least, of all mutants
WORKERS = 2
SEED = 31

TESTS = {
    "src/filmer/shop/checkout.py": [
        f"tests/shop/test_{name}.py" for name in ("turns", "payment", "idempotency", "checkout", "checkout_pages")
    ],
    "src/filmer/accounts/sessions.py": [
        f"tests/accounts/test_session_{name}.py" for name in ("times", "ends", "pages")
    ],
    "src/filmer/tmdb/cache.py": [
        f"tests/tmdb/test_{name}.py" for name in ("cache", "film_cache", "single_flight", "cached")
    ],
}


def main() -> None:
    names = sys.argv[1:]
    modules = [module for module in TESTS if not names or Path(module).stem in names]
    begun = time.monotonic()
    with _folder() as folder:
        tree = _copy(folder / "0")
        baseline = _run_baseline(tree, modules)
        trees = [tree, *(Path(shutil.copytree(tree, folder / str(worker))) for worker in range(1, WORKERS))]
        mutants = [mutant for module in modules for mutant in mutants_of(tree, module)]
        total = len(mutants)
        draw = random.Random(SEED)
        wanted = min(int(os.environ.get("FILMER_TRUST_MUTANTS", total)), total)
        outcomes = _run_mutants(trees, baseline, draw.sample(mutants, wanted))
    fine = _report(outcomes, total, time.monotonic() - begun)
    raise SystemExit(0 if fine else 1)


@contextmanager
def _folder() -> Iterator[Path]:
    """A temporary folder, in memory where there is room: most of the time goes into making databases."""
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() and shutil.disk_usage(memory).free > 2 * 2**30 else None
    folder = Path(tempfile.mkdtemp(prefix="filmer-mutants-", dir=parent))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(tree: Path) -> Path:
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", tree)
    compileall.compile_dir(tree / "src", quiet=1)
    return tree


# --- the baseline: the tests without any mutant ------------------------------------------------------


def _run_baseline(tree: Path, modules: Sequence[str]) -> BaselineRun:
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_record_baseline, args=(tree, modules, sender))
    process.start()
    sender.close()
    baseline = msgspec.json.decode(receiver.recv_bytes(), type=BaselineRun)
    process.join()
    if len(baseline.failed) > len(baseline.seconds) / 10:
        raise SystemExit("the tests fail without any mutant, so no mutant can be judged")
    for test in baseline.failed:
        print(f"left out, as it fails without any mutant: {test}")
    for test in [test for test, seconds in baseline.seconds.items() if seconds >= QUICK]:
        print(f"left out, as it takes longer than {QUICK:.0f} s: {test}")
    for module in modules:
        for old in (tree / module).parent.glob(f"__pycache__/{Path(module).stem}.*"):
            old.unlink()  # nothing is read but what is in the file at that moment
    return baseline


def _record_baseline(tree: Path, modules: Sequence[str], sender: Any) -> None:
    use_tree(tree)
    sys.dont_write_bytecode = False  # what is compiled now need not be for each mutant
    from bench.mutant_plugins import LineRecorder

    recorder = LineRecorder([str(tree / module) for module in modules])
    files = [test for module in modules for test in TESTS[module]]
    run_pytest(files, [recorder])
    tests_by_line: dict[str, dict[int, list[str]]] = {module: {} for module in modules}
    for test in recorder.lines.keys() - recorder.failed:
        for path, line in recorder.lines[test]:
            tests_by_line[str(Path(path).relative_to(tree))].setdefault(line, []).append(test)
    assert all(tests_by_line.values()), "it is not this copy that the tests import"
    sender.send_bytes(msgspec.json.encode(BaselineRun(sorted(recorder.failed), dict(recorder.seconds), tests_by_line)))


# --- the mutants -------------------------------------------------------------------------------------


def _run_mutants(
    trees: Sequence[Path], baseline: BaselineRun, mutants: Sequence[Mutant]
) -> list[tuple[Mutant, Outcome]]:
    queue, results = fork.SimpleQueue(), fork.SimpleQueue()
    for position in range(len(mutants)):
        queue.put(position)
    workers = [fork.Process(target=run_worker, args=(tree, baseline, mutants, queue, results)) for tree in trees]
    for worker in workers:
        queue.put(None)  # nothing more for one of them
        worker.start()
    outcomes = []
    while any(worker.is_alive() for worker in workers) or not results.empty():
        if results.empty():
            time.sleep(0.1)
            continue
        position, outcome, seconds = results.get()
        mutant = mutants[position]
        outcomes.append((mutant, outcome))
        where = f"{Path(mutant.module).stem}:{mutant.first}"
        sys.stderr.write(f"{len(outcomes):4d} {outcome:8s} {seconds:5.1f} s  {where}  {mutant.becomes}\n")
    assert len(outcomes) == len(mutants), "a worker broke down"
    return outcomes


# --- the report --------------------------------------------------------------------------------------


def _report(outcomes: Sequence[tuple[Mutant, Outcome]], total: int, seconds: float) -> bool:
    """Prints the survivors and the figures; whether enough mutants were killed."""
    entries = tomllib.loads((Path(__file__).parent / "survivors.toml").read_text("utf-8")).get("survivor", [])
    reasons = Counter((entry["module"], entry["function"], entry["line"], entry["becomes"]) for entry in entries)
    keys = [(Path(mutant.module).stem, mutant.function, mutant.line, mutant.becomes) for mutant, _ in outcomes]
    survivors = Counter(key for key, (_, outcome) in zip(keys, outcomes, strict=True) if outcome == "survived")
    unexplained = list((survivors - reasons).elements())  # of two lines that read the same each needs its own
    for key in (reasons - survivors) if len(outcomes) == total else ():
        print(f"explained, but killed by now: {key}")
    for key in unexplained:
        module, function, line, becomes = (json.dumps(part, ensure_ascii=False) for part in key)
        print(f"[[survivor]]\nmodule = {module}\nfunction = {function}\nline = {line}\nbecomes = {becomes}\n")
    for module in sorted({mutant.module for mutant, _ in outcomes}):
        counts = Counter(outcome for mutant, outcome in outcomes if mutant.module == module)
        print(f"{module}: {sum(counts.values())} mutants, {dict(counts)}")
    killed = sum(outcome != "survived" for _, outcome in outcomes)
    late = sum(outcome == "late" for _, outcome in outcomes)
    sample = "all mutants" if len(outcomes) == total else f"a sample of {len(outcomes)} of {total} mutants"
    print(
        f"{sample}: {killed} of {len(outcomes)} killed ({killed / len(outcomes):.1%}; {late} by being late),"
        f" {survivors.total() - len(unexplained)} survivors explained, {len(unexplained)} not ({seconds:.0f} s)"
    )
    return killed >= SHARE * len(outcomes) and not unexplained


if __name__ == "__main__":
    main()
