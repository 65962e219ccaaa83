"""Run a program as on a kernel without Landlock: its three system calls are unknown to it and to all that it starts."""

import ctypes
import errno
import os
import struct
import sys

# The same numbers on every processor: create_ruleset, add_rule, restrict_self.
LANDLOCK = (444, 445, 446)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_NUMBER, JUMP_IF_EQUAL, ANSWER = 0x20, 0x15, 0x06
FAIL, ALLOW = 0x00050000, 0x7FFF0000


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def main():
    """Set the filter, then become the program."""
    steps = [(LOAD_NUMBER, 0, 0, 0)]
    for number in LANDLOCK:
        steps += [(JUMP_IF_EQUAL, 0, 1, number), (ANSWER, 0, 0, FAIL | errno.ENOSYS)]
    steps.append((ANSWER, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = Program(len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)) == 0
    os.execv(sys.argv[1], sys.argv[1:])


main()
