#!/usr/bin/python3
"""The checks of `make lint` can fail: each is shown a small tree with each fault, and one without."""
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADER = "/* knows nothing */\n#ifndef PL_{0}\n#define PL_{0}\nint pl_x(int a);\n#endif\n"
GOOD = {
    "plugin/core/base/base.h": HEADER.format("BASE_BASE_H"),
    "plugin/core/base/base.c": '#include "base/base.h"\nint pl_x(int a)\n{\n\treturn a;\n}\n',
    "plugin/core/parse/p.c": '#include "base/base.h"\n#include <string.h>\nint pl_p(const char *s)\n'
                             "{\n\treturn pl_x((int)strlen(s));\n}\n",
    "plugin/core/log/l.c": "#include <stdio.h>\nvoid pl_l(FILE *f)\n{\n\tfputs(\"x\", f);\n}\n"
                           'const char *const pl_names[] = { "a" };\n',
    "tests/lint/x.t": 'ok(True, "it "\n   "holds")\n',
    "plugin/cli/main.c": '#include "cli.h"\n#include "base/base.h"\nint main(void)\n{\n\treturn 0;\n}\n',
}
PROMISE = "| promise | test |\n|---|---|\n| It is safe. | %s |\n"
SHORT = "int f(void)\n{\n" + "\t;\n" * 58 + "}\n"
LONG = "int f(void)\n{\n" + "\t;\n" * 59 + "}\n"

# Check, what is wrong, the file that is wrong, its text, what must be said (None: nothing).
CASES = (
    ("layers", "the good tree", None, None, None),
    ("layers", "an include to the right", "plugin/core/parse/p.c", '#include "judge/judge.h"\n',
     "parse may not include judge"),
    ("layers", "log including config", "plugin/core/log/l.c", '# include "config/config.h"\n',
     "log may not include config"),
    ("layers", "a host's header by <>", "plugin/core/engine/e.c", "#include <collectd/plugin.h>\n",
     "includes a host's"),
    ("layers", "a host's header by name", "plugin/core/engine/e.c", '#include "cli/cli.h"\n',
     "not \"MODULE/FILE.h\""),
    ("layers", "an include without a module", "plugin/core/parse/p.c", '#include "scan.h"\n',
     "not \"MODULE/FILE.h\""),
    ("layers", "an unknown module", "plugin/core/magic/m.c", "", "no known module"),
    ("layers", "a host that includes another", "plugin/cli/main.c", '#include "collectd/x.h"\n',
     "not a module of the core"),
    ("symbols", "the good tree", None, None, None),
    ("symbols", "a pure module that opens", "plugin/core/parse/p.c",
     "#include <fcntl.h>\nint pl_p(void)\n{\n\treturn open(\"x\", 0);\n}\n", "may not call open"),
    ("symbols", "one that reads the clock", "plugin/core/judge/j.c",
     "#include <time.h>\nlong pl_j(void)\n{\n\treturn time(0);\n}\n", "may not call time"),
    ("symbols", "one that allocates", "plugin/core/trend/t.c",
     "#include <stdlib.h>\nvoid *pl_t(void)\n{\n\treturn malloc(9);\n}\n", "may not call malloc"),
    ("symbols", "one that formats", "plugin/core/parse/p.c",
     "#include <stdio.h>\nint pl_p(char *s)\n{\n\treturn snprintf(s, 9, \"%d\", 1);\n}\n",
     "may not call snprintf"),
    ("symbols", "one that calls an impure module", "plugin/core/judge/j.c",
     "void pl_l(void *);\nvoid pl_j(void)\n{\n\tpl_l(0);\n}\n", "may not call pl_l"),
    ("symbols", "explain, which may format", "plugin/core/explain/e.c",
     "#include <stdio.h>\nint pl_e(char *s)\n{\n\treturn snprintf(s, 9, \"%d\", 1);\n}\n", None),
    ("symbols", "a module that exits", "plugin/core/log/l.c",
     "#include <stdlib.h>\nvoid pl_l(void)\n{\n\texit(1);\n}\n", "may not use exit"),
    ("symbols", "one that prints", "plugin/core/log/l.c",
     "#include <stdio.h>\nvoid pl_l(void)\n{\n\tprintf(\"x\\n\");\n}\n", "may not use puts"),
    ("symbols", "one that asserts", "plugin/core/log/l.c",
     "#include <assert.h>\nvoid pl_l(int a)\n{\n\tassert(a);\n}\n", "may not use __assert_fail"),
    ("symbols", "a mutable global", "plugin/core/log/l.c",
     "static int n;\nint pl_l(void)\n{\n\treturn n++;\n}\n", "mutable global n"),
    ("symbols", "an initialised one", "plugin/core/log/l.c", "int pl_n = 4;\n", "mutable global pl_n"),
    ("text", "the good tree", None, None, None),
    ("text", "a function of 60 lines", "plugin/cli/main.c", SHORT, None),
    ("text", "a function of 61 lines", "plugin/cli/main.c", LONG, "function of 61 lines"),
    ("text", "a header without a word", "plugin/core/base/base.h",
     HEADER.format("BASE_BASE_H").split("\n", 1)[1], "begins with what it knows"),
    ("text", "a guard of another file", "plugin/core/base/base.h", HEADER.format("LOG_LOG_H"),
     "guard is not PL_BASE_BASE_H"),
    ("text", "a directory of one machine", "plugin/cli/main.c", "/* see /" + "lab/notes.txt */\n",
     "no machine but one"),
    ("text", "a directory of every machine", "plugin/cli/main.c", "/* see /proc/1/stat */\n", None),
    ("text", "a ticket", "plugin/cli/main.c", "/* for iss" + "ue 7 */\n", "number of a ticket"),
    ("security", "the good tree", None, None, None),
    ("security", "a promise with its test", "SECURITY.md", PROMISE % '`tests/lint/x.t`: "it holds"', None),
    ("security", "a promise without one", "SECURITY.md", PROMISE % "none", "no test is named"),
    ("security", "one without a name", "SECURITY.md", PROMISE % "`tests/lint/x.t`", "no test is named"),
    ("security", "one whose file is gone", "SECURITY.md", PROMISE % '`tests/lint/y.t`: "it holds"',
     "tests/lint/y.t is no test"),
    ("security", "one whose file nobody runs", "SECURITY.md", PROMISE % '`tests/x.c`: "it holds"',
     "tests/x.c is no test"),
    ("security", "one whose test was renamed", "SECURITY.md",
     PROMISE % '`tests/lint/x.t`: "it holds", "it held"', 'has no test "it held"'),
    ("security", "a page without promises", "SECURITY.md", "# Security\n", "promises nothing"),
    ("headers", "the good tree", None, None, None),
    ("headers", "a header that leans on another", "plugin/core/base/base.h", "uint64_t pl_x(void);\n",
     "does not compile alone"),
    ("headers", "a header without a guard", "plugin/core/base/base.h", "struct s { int a; };\n",
     "does not compile alone"),
)


def compile_core(root):
    for source in sorted((root / "plugin/core").glob("*/*.c")):
        target = root / "obj" / source.parent.name / (source.stem + ".o")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-fPIC", "-w", "-I", str(root / "plugin/core"), "-c", "-o",
                        str(target), str(source)], check=True)
    return root / "obj"


def run_check(name, root):
    argument = compile_core(root) if name == "symbols" else root
    run = subprocess.run([sys.executable, str(HERE / f"{name}.py"), str(argument)],
                         capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def run_case(name, path, text, wanted):
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for good_path, good_text in {**GOOD, **({path: text} if path else {})}.items():
            (root / good_path).parent.mkdir(parents=True, exist_ok=True)
            (root / good_path).write_text(good_text)
        status, output = run_check(name, root)
    passed = (status == 1 and wanted in output) if wanted else (status == 0 and not output)
    return passed, f"status {status}: {output}"


def main():
    print(f"1..{len(CASES)}")
    for number, (name, what, path, text, wanted) in enumerate(CASES, 1):
        passed, said = run_case(name, path, text, wanted)
        print(f"{'' if passed else 'not '}ok {number} - {name}: {what}")
        if not passed:
            print("# " + said.replace("\n", "\n# "))


main()
