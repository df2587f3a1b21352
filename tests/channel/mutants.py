#!/usr/bin/python3
"""Break lib/channel in one place at a time and see that its tests notice.

Each mutant is a change that a careless edit could make: a store left out or moved, a check dropped. One test must
fail on every one; on the sources as they are all must pass. Usage: mutants.py ROOT COMPILER
"""
import pathlib
import platform
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
    ("woken again for the same sleep", "ring.c", "word == end->woken && coarse_ms()", "word == 0 && coarse_ms()"),
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



class Build:
    """The tests and the unbroken sources, compiled once; for a mutant only its file is compiled again, and linked."""

    def __init__(self, root, compiler, folder):
        self.root, self.folder = root, folder
        self.compiler = [*compiler, "-std=gnu11", "-O1", "-w", f"-I{root}", f"-I{root}/abi/include",
                         f"-I{root}/lib/channel/{platform.machine()}"]
        self.stored = ["-include", root / "tests/channel/stored.h", "-DCHANNEL_STORED=channel_stored"]
        # Each program: how the sources are compiled for it, and its own objects. The quick ones come first.
        self.programs = [("plain", [self.compiled(root / "lib/channel" / (name + "_test.c"), "plain", name + "_test")])
                         for name in UNIT_TESTS]
        self.programs.append(("stored", [self.compiled(root / "tests/channel" / (name + ".c"), "stored", name)
                                         for name in TESTS]))
        self.objects = {(name, kind): self.compiled(root / "lib/channel" / (name + ".c"), kind, name)
                        for name in SOURCES for kind in ("plain", "stored")}

    def compiled(self, source, kind, name):
        target = self.folder / f"{name}-{kind}.o"
        flags = self.stored if kind == "stored" else []
        subprocess.run([*self.compiler, *flags, "-c", source, "-o", target], check=True)
        return target

    def mutated(self, mutant, kind, number):
        """The objects of lib/channel with one of them broken."""
        if mutant is None:
            return [self.objects[name, kind] for name in SOURCES]
        path = self.root / "lib/channel" / mutant[1]
        text = path.read_text()
        if text.count(mutant[2]) != 1:
            sys.exit(f"mutant '{mutant[0]}': its text is not once in {path.name}; bring mutants.py up to date")
        broken = self.folder / f"{path.stem}-{number}.c"
        broken.write_text(text.replace(mutant[2], mutant[3]))
        return [self.compiled(broken, kind, broken.stem) if name == path.stem else self.objects[name, kind]
                for name in SOURCES]

    def survives(self, mutant, number):
        """True if every test passes."""
        objects = {}
        for place, (kind, own) in enumerate(self.programs):
            if kind not in objects:
                objects[kind] = self.mutated(mutant, kind, number)
            program = self.folder / f"{number}-{place}"
            subprocess.run([*self.compiler, *own, *objects[kind], "-lcmocka", "-o", program], check=True)
            if subprocess.run([program, "quick"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
                return False
        return True


def main():
    with tempfile.TemporaryDirectory() as folder:
        build = Build(pathlib.Path(sys.argv[1]), sys.argv[2:], pathlib.Path(folder))
        if not build.survives(None, "whole"):
            sys.exit("a test fails without any mutant")
        with ThreadPoolExecutor(2) as pool:
            alive = list(pool.map(build.survives, MUTANTS, range(len(MUTANTS))))
    survivors = [mutant[0] for mutant, is_alive in zip(MUTANTS, alive) if is_alive]
    for name in survivors:
        print(f"survived: {name}")
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} mutants found")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
