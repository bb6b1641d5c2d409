"""How does a child end when its parent is killed? It asks the kernel for a parting signal, then becomes the command."""

# Run as a file by an isolated interpreter, so it imports nothing of ours:
#   python -I -S tether.py SIGNAL PARENT-PID COMMAND...
# Linux only in effect: elsewhere the command runs without the tether.

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Set the parting signal, make sure that the parent still lives, and replace this process by the command."""
    parting_signal, parent, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, parting_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  (the arguments are a list that our parent built; no shell is wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
