"""Writes an OCI image (image-spec 1.0) of a folder that is its root, as one archive; the same folder gives the same bytes.

image.py FOLDER ARCHIVE VERSION COMMIT SECONDS LEVEL
"""

import datetime
import gzip
import hashlib
import io
import json
import os
import pathlib
import sys
import tarfile

folder, archive, version, commit, seconds, level = sys.argv[1:]
USER = 65532
HEALTH_SECONDS = 15


def entry(name, data=None):
    info = tarfile.TarInfo(name)
    info.mtime = int(seconds)
    info.mode = 0o644 if data is not None else 0o755
    info.size = len(data or b"")
    if data is None:
        info.type = tarfile.DIRTYPE
    return info


def settled(info):
    info.mtime, info.uid, info.gid, info.uname, info.gname = int(seconds), 0, 0, "", ""
    return info


layer = io.BytesIO()
with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as tar:
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files + [name for name in folders]):
            path = pathlib.Path(place, name)
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=settled)
raw = layer.getvalue()
packed = gzip.compress(raw, int(level), mtime=0)


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


created = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC if hasattr(datetime, "UTC") else datetime.timezone.utc)
created = created.strftime("%Y-%m-%dT%H:%M:%SZ")
labels = {"org.opencontainers.image.title": "parley", "org.opencontainers.image.version": version,
          "org.opencontainers.image.revision": commit, "org.opencontainers.image.created": created}
config = json.dumps({
    "created": created, "architecture": "amd64", "os": "linux",
    "config": {
        "User": f"{USER}:{USER}", "ExposedPorts": {"8080/tcp": {}},
        "Env": ["PATH=/usr/bin", "HTTP_HOST=0.0.0.0", "HTTP_PORT=8080", "PUBLIC_DIR=/usr/share/parley/public"],
        "Entrypoint": ["/usr/bin/parley"], "Cmd": ["serve"], "WorkingDir": "/", "Labels": labels, "StopSignal": "SIGTERM",
        # Docker's and Podman's; what runs pods asks /healthz itself.
        "Healthcheck": {"Test": ["CMD", "/usr/bin/parley", "check", "gateway"], "Interval": HEALTH_SECONDS * 10**9,
                        "Timeout": 12 * 10**9, "StartPeriod": 60 * 10**9}},
    "rootfs": {"type": "layers", "diff_ids": [digest(raw)]}, "history": [{"created": created, "created_by": "deploy/package"}],
}, sort_keys=True).encode()


def descriptor(kind, data):
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(data), "size": len(data)}


manifest = json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": descriptor("config.v1+json", config), "layers": [descriptor("layer.v1.tar+gzip", packed)]},
    sort_keys=True).encode()
index = json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [descriptor("manifest.v1+json", manifest) | {
        "annotations": {"org.opencontainers.image.ref.name": version}}]}, sort_keys=True).encode()

with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
    for name in ("blobs", "blobs/sha256"):
        tar.addfile(entry(name))
    files = {f"blobs/sha256/{digest(data)[7:]}": data for data in (config, packed, manifest)}
    files |= {"index.json": index, "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    for name in sorted(files):
        tar.addfile(entry(name, files[name]), io.BytesIO(files[name]))
print(len(packed) // 1_000_000, len(raw) // 1_000_000)
