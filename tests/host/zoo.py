"""Processes with hostile names and arguments: what the tests of every host have to survive."""

import os

from harness import program

# comm, arguments (as hostile.c takes them); a comm is cut to 15 bytes by the kernel
COMMS = {
    "newline": b"a\nState: Z", "quote": b'a"b\'c', "paren": b"x) R %d" % os.getpid(), "parens": b")))",
    "slash": b"../../etc", "format": b"%n%s%n%x", "control": b"\x01\x02\x1b[31m\x07", "tab": b"a\tb",
    "invalid": b"\xff\xfe\xc3(", "space": b" ", "empty": b"", "dash": b"--", "backslash": b"a\\nb\\",
    "dollar": b"$(id)`id`", "long": b"0123456789abcdefgh", "status": b"VmRSS:\t1 kB",
}
ARGUMENTS = {
    "newlines": b"one\ntwo\n", "quotes": b"\"'\\", "format": b"%n%n%s%1000000d",
    "control": bytes(range(1, 32)), "invalid": b"\xff\xfe\xfd\xc0\x80",
}


def zoo(tag):
    """Every animal, as (title, process); each carries `tag` in its command line but the last."""
    animals = []
    for title, comm in COMMS.items():
        argument = ("tag-%s-%s" % (tag, title)).encode().hex()
        comm_option = ("--comm", comm.hex()) if comm else ("--comm", "")
        animals.append((title, program("hostile", *comm_option, "--args", argument)))
    for title, text in ARGUMENTS.items():
        argument = ("tag-%s-args" % tag).encode().hex()
        animals.append(("args-" + title,
                        program("hostile", "--args", argument + "," + text.hex())))
    argument = ("tag-%s-long" % tag).encode().hex()
    animals.append(("args-128KiB", program("hostile", "--args", argument + ",41*131000")))
    animals.append(("args-empty", program("hostile")))
    animals.append(("args-wiped", program("hostile", "--args", "41*100", "--wipe")))
    return animals
