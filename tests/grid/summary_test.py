"""The numbers of the summary are true: what it says is stored is in the files, once each, without a gap."""
import glob
import os
import random

import grid_support as grid
import grid_test
import historian_files
import run_test


class Summary(run_test.Run):
    def test_what_the_summary_says_is_in_the_files(self):
        output, redelivered = self.finish(self.start(RUN_SECONDS=os.environ.get("SUMMARY_SECONDS", "6"), RUN_CHAOS="1"))
        taken, stored, lost = (int(number) for number in run_test.SUMMARY.search(output).groups()[:3])
        found = historian_files.read_folder(os.path.join(self.folder, "state", "services", "grid.historian"))
        missing, repeated = historian_files.gaps_and_repeats(found)
        self.assertEqual((missing, repeated, lost), (0, 0, 0), output)
        # Readings that arrive between the counting and the end are stored as well.
        self.assertGreaterEqual(len(found), stored)
        self.assertGreaterEqual(redelivered, 0)
        last = {}
        for feeder, epoch, sequence, _, _ in found:
            last[feeder, epoch] = max(sequence, last.get((feeder, epoch), 0))
        self.assertGreaterEqual(sum(last.values()), taken)
        self.assertLessEqual(sum(last.values()) - taken, 6 * 50 * 5, "far more is in the files than was counted")


# Its tests are run by themselves.
for inherited in [name for name in dir(run_test.Run) if name.startswith("test")]:
    setattr(Summary, inherited, None)


class Reader(grid_test.Grid):
    def test_a_reader_of_the_documents_finds_damage(self):
        """The reader itself would notice: a changed byte, anywhere in a record, fails a check."""
        self.up()
        self.wait_for_readings(60)
        self.system.grove("down", "--all")
        folder = os.path.join(self.system.state, "services", "grid.historian")
        self.assertGreaterEqual(len(historian_files.read_folder(folder)), 60)
        path = sorted(glob.glob(os.path.join(folder, "*.journal")))[-1]
        size = historian_files.records_end(path)
        chance = random.Random(7)
        for _ in range(20):
            place = chance.randrange(historian_files.FIRST_RECORD, size)
            with open(path, "r+b") as file:
                file.seek(place)
                byte = file.read(1)
                file.seek(place)
                file.write(bytes([byte[0] ^ 0x40]))
                file.flush()
                with self.assertRaises(historian_files.Damaged):
                    historian_files.read_folder(folder)
                file.seek(place)
                file.write(byte)
        self.assertEqual(historian_files.gaps_and_repeats(historian_files.read_folder(folder))[0], 0)


if __name__ == "__main__":
    grid.main()
