#!/usr/bin/python3
"""Every test that docs/laws.md names exists: the file, and the case in it."""
import os
import re
import sys

ROW = re.compile(r"^\|[^|]*\|[^|]*\|([^|]*)\|\s*$")


def main():
    root = sys.argv[1]
    problems, rows = [], 0
    with open(os.path.join(root, "docs", "laws.md"), encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = ROW.match(line)
            names = re.findall(r"`([^`]+)`", row.group(1)) if row else []
            rows += bool(names)
            text = ""
            for name in names:
                path = os.path.join(root, name)
                if "/" in name and not os.path.exists(path):
                    problems.append(f"docs/laws.md:{number}: there is no {name}")
                elif "/" in name:
                    with open(path, encoding="utf-8") as file:
                        text = file.read()
                elif not re.search(rf"\b{re.escape(name)}\b", text):
                    problems.append(f"docs/laws.md:{number}: the file before it has no {name}")
    print("\n".join(problems) or f"{rows} rows, every test of them exists")
    return 1 if problems or rows < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
