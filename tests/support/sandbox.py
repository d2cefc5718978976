"""Run a program in a sandbox as agents have them (field-notes 7.4). Standard library only.

`python tests/support/sandbox.py seccomp PROGRAM [ARGUMENT...]`: every `connect` is answered with EPERM, whatever the address.
`python tests/support/sandbox.py rights PROGRAM [ARGUMENT...]`: root without its privileges, so that the modes of files hold.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

CONNECT = {"x86_64": (0xC000003E, 42), "aarch64": (0xC00000B7, 203)}
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_PR_CAPBSET_DROP = 24
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def forbid_connect() -> None:
    """From now on `connect` is EPERM, for this process and what it starts.

    Raises:
        OSError: the kernel takes no filter.
    """
    architecture, number = CONNECT[platform.machine()]
    lines = [
        (0x20, 0, 0, 4),  # load the architecture
        (0x15, 0, 2, architecture),  # another one: allow
        (0x20, 0, 0, 0),  # load the system call's number
        (0x15, 1, 0, number),  # connect: to the last line
        (0x06, 0, 0, _ALLOW),
        (0x06, 0, 0, _ERRNO | errno.EPERM),
    ]
    packed = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = _Program(len(lines), ctypes.addressof(packed))
    libc = ctypes.CDLL(None, use_errno=True)
    for words in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*words) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def drop_privileges() -> None:
    """From the next `exec` on, root may no more than any other user may with its own files."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # EINVAL: there is none of that number; EPERM: there is nothing to drop


if __name__ == "__main__":
    {"seccomp": forbid_connect, "rights": drop_privileges}[sys.argv[1]]()
    os.execv(sys.argv[2], sys.argv[2:])
