#!/usr/bin/python3
"""Break lib/channel in one place at a time and see that its tests notice.

Each mutant is a change that a careless edit could make: a store left out or moved, a check dropped. One test must
fail on every one; on the sources as they are all must pass. Usage: mutants.py ROOT COMPILER
"""
import pathlib
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# (name, file, text, replacement)
MUTANTS = [
    ("completed when taken", "ring.c",
     "    in->taken = taken->end_position;\n",
     "    in->taken = taken->end_position;\n"
     "    store_ordered(&end->control->in[lane].read_position, in->taken);\n"),
    ("taken position not stored", "ring.c",
     "store_plain(&end->control->in[lane].taken_position, in->taken);", ";"),
    ("no pad before a wrap", "ring.c", "        fill_pad(out);", "        ;"),
    ("no reply mark", "ring.c", "reply_marks_add(end, lane, record->number, end_position);", ";"),
    ("reply published before its mark", "ring.c",
     "reply_marks_add(end, lane, record->number, end_position);",
     "store_ordered(&end->control->out[lane].write_position, end_position),"
     "reply_marks_add(end, lane, record->number, end_position);"),
    ("marks of replies never published are kept", "reply_marks.c",
     "            store_plain(&marks[i].end_position, 0);", "            ;"),
    ("completion passes what is still handled", "ring.c",
     "        if (first->segment != NULL)\n            break;", ""),
    ("number used before it is stored", "ring.c",
     "    store_plain(&end->control->next_number, end->next_number);\n", ""),
    ("block freed though a record carries it", "arena.c", "    block->records++;\n", ""),
    ("block freed though it is held", "arena.c",
     "(end->peer_control != NULL && block_is_held(end, first))", "false"),
    ("block freed though a reply hands it back", "arena.c", "return block_is_kept(end, &end->arena.blocks[first]) ||",
     "return"),
    ("room is compared with the last look", "end.c", "== out->refused_at)", "== out->peer_read)"),
    ("a block that came back is slept over", "end.c", "end->arena.is_refused && arena_can_collect(end)", "false"),
    ("woken again for the same sleep", "ring.c", " || word == end->woken)", ")"),
    ("block never comes back", "arena.c", "            block_free(arena, first);", "            ;"),
    ("hold stays after its holder died", "end.c", "            store_release(&control->held[i], 0);", "            ;"),
    ("next instance forgets what records carry", "arena_take_over.c", "        block->records++;", "        ;"),
    ("next instance forgets what replies hand back", "arena_take_over.c",
     "status = lane_visit(end, (struct source){lane, false}, pass);", ";"),
    ("next instance forgets what is held", "arena_take_over.c", "    held_mark(end);\n", ""),
    ("next instance starts writing at zero", "end.c",
     "out->write = control->out[lane].write_position;", "out->write = 0;"),
    ("next instance forgets what was taken", "end.c",
     "in->redelivered_below = control->in[lane].taken_position;", "in->redelivered_below = 0;"),
]
SOURCES = ["arena", "arena_take_over", "end", "reply_marks", "ring", "slice"]
TESTS = ["world", "payload", "client", "server", "scenarios", "kill_test"]
UNIT_TESTS = ["end", "ring", "arena"]


def run_test(root, compiler, folder, mutant):
    """Build and run the tests with one file replaced; True if all pass."""
    sources = []
    for name in SOURCES:
        path = root / "lib/channel" / (name + ".c")
        if mutant and mutant[1] == path.name:
            text = path.read_text()
            if text.count(mutant[2]) != 1:
                sys.exit(f"mutant '{mutant[0]}': its text is not once in {path.name}; bring mutants.py up to date")
            path = folder / path.name
            path.write_text(text.replace(mutant[2], mutant[3]))
        sources.append(path)
    flags = ["-std=gnu11", "-O1", "-g", "-w", f"-I{root}", f"-I{root}/abi/include"]
    stored = ["-include", root / "tests/channel/stored.h", "-DCHANNEL_STORED=channel_stored"]
    kill = [root / "tests/channel" / (name + ".c") for name in TESTS]
    builds = [[*stored, *kill]] + [[root / "lib/channel" / (name + "_test.c"), "-lcmocka"] for name in UNIT_TESTS]
    for number, build in enumerate(builds):
        program = folder / str(number)
        subprocess.run([*compiler, *flags, *sources, *build, "-o", program], check=True)
        if subprocess.run([program, "quick"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).returncode != 0:
            return False
    return True


def main():
    root = pathlib.Path(sys.argv[1])
    compiler = sys.argv[2:]

    def survives(mutant):
        with tempfile.TemporaryDirectory() as folder:
            return run_test(root, compiler, pathlib.Path(folder), mutant)

    if not survives(None):
        sys.exit("a test fails without any mutant")
    with ThreadPoolExecutor(2) as pool:
        survivors = [mutant[0] for mutant, alive in zip(MUTANTS, pool.map(survives, MUTANTS)) if alive]
    for name in survivors:
        print(f"survived: {name}")
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} mutants found")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
