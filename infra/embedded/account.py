"""The account that our own servers run as: ours, or, because PostgreSQL refuses root, the machine's least privileged one.

Load-bearing: nobody's folders are opened for it. What the account cannot reach is put or copied where it can.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine. is_dropped_to: whether a process has to change to it."""

    uid: int
    gid: int
    is_dropped_to: bool

    def can_reach(self, path: Path) -> bool:
        """Whether it may read the existing path and pass through every folder above (by mode bits; access lists are not looked at)."""
        absolute = path.resolve()
        return self._may(absolute, stat.S_IRUSR) and all(self._may(folder, stat.S_IXUSR) for folder in absolute.parents)

    def own(self, path: Path) -> None:
        """Hand over what we made: the path and all that is in it."""
        if not self.is_dropped_to:
            return
        os.chown(path, self.uid, self.gid)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)

    def _may(self, path: Path, bit: int) -> bool:
        """bit: as it stands for the owner."""
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & bit)
        return bool(found.st_mode & (bit >> 3 if found.st_gid == self.gid else bit >> 6))


def server_account() -> Account:
    """Ours, unless we are root. Raises KeyError where root has no `nobody` to become."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_dropped_to=False)
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_uid, entry.pw_gid, is_dropped_to=True)
