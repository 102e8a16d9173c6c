"""Executes a PostgreSQL program as an unprivileged user; a script of its own, which imports nothing of ours.

PostgreSQL refuses to run as root, and a package installed below root's home (mode 0700) cannot be reached
by anybody else. Opening that home would change a folder that is not ours. So the program keeps, only when
its paths are out of reach otherwise, the one capability to read and search, and nothing else of root's.
"""

import ctypes
import json
import os
import signal
import sys

UNREACHABLE = 77
"""Exit code: the user cannot be taken on, or the kernel does not let it reach the paths."""

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECUREBITS = 1, 8, 28
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 38, 47, 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETPCAP = 1, 2, 8

libc = ctypes.CDLL(None, use_errno=True)


class CapabilityHeader(ctypes.Structure):
    """`cap_user_header_t` of capset(2)."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class CapabilityData(ctypes.Structure):
    """`cap_user_data_t` of capset(2)."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def prctl(option: int, argument: int, second: int = 0) -> None:
    """prctl(2). Raises: OSError."""
    if libc.prctl(
        option, ctypes.c_ulong(argument), ctypes.c_ulong(second), ctypes.c_ulong(0), ctypes.c_ulong(0)
    ):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def capset(permitted: int, inheritable: int) -> None:
    """capset(2) with all that is permitted in effect. Raises: OSError."""
    header = CapabilityHeader(CAPABILITY_VERSION_3, 0)
    data = (CapabilityData * 2)(CapabilityData(permitted, permitted, inheritable), CapabilityData(0, 0, 0))
    if libc.capset(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), "capset")


def keep_only(capability: int) -> None:
    """Reduce the capabilities to one and let it survive execve as an ambient one (capabilities(7))."""
    capset(1 << capability | 1 << CAP_SETPCAP, 1 << capability)
    # PostgreSQL looks for its programs with access(2), which otherwise counts no capability but root's.
    prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    capset(1 << capability, 1 << capability)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def become(uid: int, gid: int, needed: list[tuple[str, int]]) -> None:
    """Take on the user for good; `needed` are paths with the access (os.R_OK | ...) that it must have."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    # Without this the capabilities are gone with the uid. Those that are not made ambient go with execve.
    prctl(PR_SET_KEEPCAPS, 1)
    os.setresuid(uid, uid, uid)
    if not all(os.access(path, mode) for path, mode in needed):
        try:
            keep_only(CAP_DAC_READ_SEARCH)
        except OSError:  # containers often have the wider capability and not this one
            keep_only(CAP_DAC_OVERRIDE)
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def main() -> None:
    """argv: a JSON order `{uid, gid, needed, parent}`, then the program and its arguments."""
    order = json.loads(sys.argv[1])
    os.umask(0o077)
    if order["uid"] is not None:
        try:
            become(order["uid"], order["gid"], order["needed"])
        except OSError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(UNREACHABLE)
    if order["parent"] is not None:
        prctl(PR_SET_PDEATHSIG, signal.SIGINT)  # SIGINT is PostgreSQL's fast shutdown
        if os.getppid() != order["parent"]:  # it died before the line above
            sys.exit(0)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
