#!/usr/bin/env python3
"""One archive of a folder, the same bytes each time: `archive.py FOLDER ARCHIVE SECONDS`. A .zip, or a .tar.gz; SECONDS is the time of
all files in it."""

import gzip
import io
import os
import sys
import tarfile
import time
import zipfile

folder, archive, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3])
root = os.path.dirname(folder)
files = sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)


def mode(path):
    return 0o755 if os.access(path, os.X_OK) else 0o644


if archive.endswith(".zip"):
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in files:
            entry = zipfile.ZipInfo(os.path.relpath(path, root), time.gmtime(seconds)[:6])
            entry.external_attr, entry.compress_type = mode(path) << 16, zipfile.ZIP_DEFLATED
            with open(path, "rb") as source:
                out.writestr(entry, source.read())
else:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for path in files:
            entry = tarfile.TarInfo(os.path.relpath(path, root))
            entry.size, entry.mode, entry.mtime = os.path.getsize(path), mode(path), seconds
            with open(path, "rb") as source:
                out.addfile(entry, source)
    with open(archive, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
        packed.write(tar.getvalue())
