"""Do the tests bite? Puts small faults into the modules where they would cost most; the tests have to notice each.

``python -m bench.mutants [checkout sessions copies]`` (promise 31). The modules are changed in copies of the tree. The
tests are run once as things are, and it is noted which pass through which line; then, for each mutant, those that pass
through its statement, the quickest first, until one fails. Only tests that have filmer in their own process can be
chosen so. As things are none takes longer than QUICK seconds, so that one that takes LATE seconds has failed.

A mutant that survives needs its entry in ``survivors.toml``, with the reason why it does no harm.
FILMER_TRUST_MUTANTS: a sample of so many, always the same; without it all.
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
from bench.mutant_worker import QUICK, Fate, Noted, enter, fork, run_lane, run_pytest
from bench.mutations import Mutant, mutants_of

ROOT = Path(__file__).parent.parent
SHARE = 0.9  # at least, of all mutants
LANES = 2
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
        noted = _as_things_are(tree, modules)
        trees = [tree, *(Path(shutil.copytree(tree, folder / str(lane))) for lane in range(1, LANES))]
        mutants = [mutant for module in modules for mutant in mutants_of(tree, module)]
        total = len(mutants)
        draw = random.Random(SEED)
        wanted = min(int(os.environ.get("FILMER_TRUST_MUTANTS", total)), total)
        fates = _try_all(trees, noted, draw.sample(mutants, wanted))
    fine = _tell(fates, total, time.monotonic() - begun)
    raise SystemExit(0 if fine else 1)


@contextmanager
def _folder() -> Iterator[Path]:
    """In memory where there is room: most of the time goes into making databases."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and shutil.disk_usage(memory).free > 2 * 2**30 else None
    folder = Path(tempfile.mkdtemp(prefix="filmer-mutants-", dir=place))
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


# --- the tests as things are ------------------------------------------------------------------------


def _as_things_are(tree: Path, modules: Sequence[str]) -> Noted:
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_note, args=(tree, modules, sender))
    process.start()
    sender.close()
    noted = msgspec.json.decode(receiver.recv_bytes(), type=Noted)
    process.join()
    if len(noted.failed) > len(noted.seconds) / 10:
        raise SystemExit("the tests fail as things are: no mutant is worth a run")
    for test in noted.failed:
        print(f"left out, as it fails without any mutant: {test}")
    for test in [test for test, seconds in noted.seconds.items() if seconds >= QUICK]:
        print(f"left out, as it takes longer than {QUICK:.0f} s: {test}")
    for module in modules:
        for old in (tree / module).parent.glob(f"__pycache__/{Path(module).stem}.*"):
            old.unlink()  # nothing is read but what is in the file at that moment
    return noted


def _note(tree: Path, modules: Sequence[str], sender: Any) -> None:
    enter(tree)
    sys.dont_write_bytecode = False  # what is compiled now need not be for each mutant
    from bench.mutant_plugins import Passes

    passes = Passes([str(tree / module) for module in modules])
    files = [test for module in modules for test in TESTS[module]]
    run_pytest(files, [passes])
    receiver: dict[str, dict[int, list[str]]] = {module: {} for module in modules}
    for test in passes.lines.keys() - passes.failed:
        for path, line in passes.lines[test]:
            receiver[str(Path(path).relative_to(tree))].setdefault(line, []).append(test)
    assert all(receiver.values()), "it is not this copy that the tests import"
    sender.send_bytes(msgspec.json.encode(Noted(sorted(passes.failed), dict(passes.seconds), receiver)))


# --- with mutants -----------------------------------------------------------------------------------


def _try_all(trees: Sequence[Path], noted: Noted, mutants: Sequence[Mutant]) -> list[tuple[Mutant, Fate]]:
    queue, results = fork.SimpleQueue(), fork.SimpleQueue()
    for place in range(len(mutants)):
        queue.put(place)
    lanes = [fork.Process(target=run_lane, args=(tree, noted, mutants, queue, results)) for tree in trees]
    for lane in lanes:
        queue.put(None)  # nothing more for one of them
        lane.start()
    fates = []
    while any(lane.is_alive() for lane in lanes) or not results.empty():
        if results.empty():
            time.sleep(0.1)
            continue
        place, fate, seconds = results.get()
        mutant = mutants[place]
        fates.append((mutant, fate))
        where = f"{Path(mutant.module).stem}:{mutant.first}"
        sys.stderr.write(f"{len(fates):4d} {fate:8s} {seconds:5.1f} s  {where}  {mutant.becomes}\n")
    assert len(fates) == len(mutants), "a lane broke down"
    return fates


# --- what came of it --------------------------------------------------------------------------------


def _tell(fates: Sequence[tuple[Mutant, Fate]], total: int, seconds: float) -> bool:
    """The survivors, the figures, and whether that is enough."""
    entries = tomllib.loads((Path(__file__).parent / "survivors.toml").read_text("utf-8")).get("survivor", [])
    reasons = Counter((entry["module"], entry["function"], entry["line"], entry["becomes"]) for entry in entries)
    keys = [(Path(mutant.module).stem, mutant.function, mutant.line, mutant.becomes) for mutant, _ in fates]
    survivors = Counter(key for key, (_, fate) in zip(keys, fates, strict=True) if fate == "survived")
    unexplained = list((survivors - reasons).elements())  # of two lines that read the same each needs its own
    for key in (reasons - survivors) if len(fates) == total else ():
        print(f"explained, but killed by now: {key}")
    for key in unexplained:
        module, function, line, becomes = (json.dumps(part, ensure_ascii=False) for part in key)
        print(f"[[survivor]]\nmodule = {module}\nfunction = {function}\nline = {line}\nbecomes = {becomes}\n")
    for module in sorted({mutant.module for mutant, _ in fates}):
        counts = Counter(fate for mutant, fate in fates if mutant.module == module)
        print(f"{module}: {sum(counts.values())} mutants, {dict(counts)}")
    killed = sum(fate != "survived" for _, fate in fates)
    late = sum(fate == "late" for _, fate in fates)
    sample = "all mutants" if len(fates) == total else f"a sample of {len(fates)} of {total} mutants"
    print(
        f"{sample}: {killed} of {len(fates)} killed ({killed / len(fates):.1%}; {late} by being late),"
        f" {survivors.total() - len(unexplained)} survivors explained, {len(unexplained)} not ({seconds:.0f} s)"
    )
    return killed >= SHARE * len(fates) and not unexplained


if __name__ == "__main__":
    main()
