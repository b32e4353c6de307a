"""Which files there are: in a stable order, once each, and what cannot be looked at is said and passed over."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from octavo.errors import RefusedFile, UnreadableFile
from octavo.ingest.extracted import Failed, Found

# Folders of version control; most of them are hidden ones as well.
VERSION_CONTROL = {".git", ".hg", ".svn", ".bzr", ".jj", "_darcs", "CVS"}


def walk(
    paths: Iterable[Path],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    hidden: bool = False,
) -> Iterator[Found | Failed]:
    """Find files, in the order of `paths` and within a folder by name.

    Links are followed, after everything that is really in the folder; each real folder is entered once, and a link
    to a folder it lies in is a failure. What cannot be read, a broken link and what is neither file nor folder are
    failures, too. Folders of version control are not entered.

    Args:
        paths: files and folders. A file that is named is found whatever the patterns say.
        include: patterns of files; only files that match one are found. None: all are.
        exclude: patterns of files and folders that are passed over; it counts more than `include`.
        hidden: also find files and enter folders whose names begin with a dot.

    A pattern (`*`, `?`, `[…]`) without a slash is for the name; one with a slash is for the path from the folder that
    was given, where `*` matches slashes as well. Case counts.
    """
    walker = _Walker(include, exclude, hidden)
    for path in paths:
        yield from walker.found(path)


def walk_below(
    root: Path,
    paths: Iterable[Path],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    hidden: bool = False,
) -> Iterator[Found | Failed]:
    """Of these paths below a folder, what `walk` would find of them and below them; what is not there is nothing."""
    walker = _Walker(include, exclude, hidden)
    for path in paths:
        yield from walker.found_below(path, root)


class _Walker:
    """One walk: the folders it has entered, and the links it follows at the end."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str], hidden: bool) -> None:
        self._include = include
        self._exclude = exclude
        self._hidden = hidden
        self._entered: set[tuple[int, int]] = set()
        self._links: deque[Path] = deque()

    def found(self, path: Path) -> Iterator[Found | Failed]:
        """What there is at a path that was named."""
        yield from self._at(path, path)

    def found_below(self, path: Path, root: Path) -> Iterator[Found | Failed]:
        """What there is at a path below a folder that was named, if the patterns let it be found."""
        above = [path, *path.parents][: len(path.relative_to(root).parts)]
        if any(self._is_passed_over(part.name, part, root) or part.name in VERSION_CONTROL for part in above):
            return
        if self._include and not path.is_dir() and not _matches(self._include, path.name, path, root):
            return
        if os.path.lexists(path):
            yield from self._at(path, root)

    def _at(self, path: Path, root: Path) -> Iterator[Found | Failed]:
        """What there is at a path; `root` is where patterns begin."""
        try:
            status = path.stat()
        except OSError as error:
            yield _unreadable(path, error)
            return
        if not stat.S_ISDIR(status.st_mode):
            yield _file(path, status)
            return
        yield from self._folder(path, status, root)
        while self._links:
            yield from self._linked(self._links.popleft(), root)

    def _folder(self, top: Path, status: os.stat_result, root: Path) -> Iterator[Found | Failed]:
        """Everything that is really in a folder; `root` is where patterns begin. Not recursive: depth is free."""
        if not self._enter(status):
            return
        open_folders = [self._entries(top, root)]
        while open_folders:
            item = next(open_folders[-1], None)
            if item is None:
                open_folders.pop()
            elif isinstance(item, Path):
                open_folders.append(self._entries(item, root))
            else:
                yield item

    def _enter(self, status: os.stat_result) -> bool:
        """Whether this is the first time for this folder."""
        identity = (status.st_dev, status.st_ino)
        is_new = identity not in self._entered
        self._entered.add(identity)
        return is_new

    def _entries(self, folder: Path, root: Path) -> Iterator[Found | Failed | Path]:
        """What is in one folder, by name; a folder in it as its path."""
        try:
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            yield _unreadable(folder, error)
            return
        for entry in entries:
            path = folder / entry.name
            if self._is_passed_over(entry.name, path, root):
                continue
            try:
                item = self._entry(entry, path, root)
            except OSError as error:
                item = _unreadable(path, error)
            if item is not None:
                yield item

    def _entry(self, entry: os.DirEntry[str], path: Path, root: Path) -> Found | Failed | Path | None:
        if entry.is_dir(follow_symlinks=False):
            is_entered = entry.name not in VERSION_CONTROL and self._enter(entry.stat(follow_symlinks=False))
            return path if is_entered else None
        if entry.is_dir():
            self._links.append(path)
            return None
        if self._include and not _matches(self._include, entry.name, path, root):
            return None
        return _file(path, entry.stat())

    def _is_passed_over(self, name: str, path: Path, root: Path) -> bool:
        return (not self._hidden and name.startswith(".")) or _matches(self._exclude, name, path, root)

    def _linked(self, link: Path, root: Path) -> Iterator[Found | Failed]:
        """What is in a folder that is linked to, unless it was entered already."""
        try:
            status = link.stat()
            if link.parent.resolve().is_relative_to(link.resolve()):
                error = RefusedFile("it links back to a folder it lies in")
                yield Failed(link, error.code, str(error))
                return
        except OSError as error:
            yield _unreadable(link, error)
            return
        yield from self._folder(link, status, root)


def _file(path: Path, status: os.stat_result) -> Found | Failed:
    if stat.S_ISREG(status.st_mode):
        return Found(path, status.st_size, status.st_mtime_ns)
    return Failed(path, RefusedFile.code, "it is neither a file nor a folder")


def _unreadable(path: Path, error: OSError) -> Failed:
    return Failed(path, UnreadableFile.code, f"it cannot be opened: {error.strerror or error}")


def _matches(patterns: Sequence[str], name: str, path: Path, root: Path) -> bool:
    return any(
        fnmatchcase(path.relative_to(root).as_posix() if "/" in pattern else name, pattern)
        for pattern in patterns
    )
