"""The files of public/: types, ETag, and no way out of the folder."""

import gzip
import subprocess

import pytest

from kit import TOP
from kit.raw import RawConnection


def test_the_page(gateway):
    status, headers, body = gateway.get("/")
    assert status == 200 and headers.get_content_type() == "text/html"
    assert (headers.get_content_charset() or "utf-8").lower() == "utf-8"
    assert body == (TOP / "public" / "index.html").read_bytes()
    assert headers["X-Content-Type-Options"] == "nosniff"


FILES = sorted(str(path.relative_to(TOP / "public")) for path in (TOP / "public").rglob("*") if path.is_file())
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


# The widget's own scripts go without comments and indentation; everything else as it is.
SCRIPTS = [name for name in FILES if name.endswith(".js") and name.startswith(("parley-", "texts/"))]


@pytest.mark.parametrize("name", FILES)
def test_file(gateway, name):
    status, headers, body = gateway.get(f"/{name}")
    source = (TOP / "public" / name).read_bytes()
    assert status == 200 and (body == source or name in SCRIPTS)
    assert body.count(b"\n") == source.count(b"\n")
    wanted = TYPES.get("." + name.rsplit(".", 1)[-1])
    assert wanted is None or headers.get_content_type() == wanted
    tag = headers["ETag"]
    assert tag
    for value in (tag, f'"other", {tag}', "*"):
        again = gateway.request("GET", f"/{name}", headers={"If-None-Match": value})
        assert again[0] == 304 and again[2] == b"" and again[1]["ETag"] == tag
    assert gateway.request("GET", f"/{name}", headers={"If-None-Match": '"other"'})[0] == 200


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_of_the_widget(gateway, name, tmp_path):
    """What is served is the same program: the same tokens, by a reader of scripts that is not ours."""
    kept = tmp_path / "source.mjs"
    kept.write_bytes((TOP / "public" / name).read_bytes())
    served = tmp_path / "served.mjs"
    served.write_bytes(gateway.get(f"/{name}")[2])
    assert b"\n// " not in served.read_bytes()
    read = ("const {readFileSync} = require('fs'); const acorn = require('internal/deps/acorn/acorn/dist/acorn');"
            "const tokens = (file) => [...acorn.tokenizer(readFileSync(file, 'utf8'), {ecmaVersion: 'latest', sourceType: 'module'})]"
            ".map(({type, value, start, end}) => [type.label, String(value?.pattern ?? value)]);"
            "const [one, other] = process.argv.slice(1).map((file) => JSON.stringify(tokens(file)));"
            "console.log(one === other && one.length > 100)")
    result = subprocess.run(["node", "--expose-internals", "-e", read, kept, served], capture_output=True, text=True, timeout=60)
    assert result.stdout == "true\n", result.stderr


@pytest.mark.parametrize("name", ["index.html", "parley-chat.js", "favicon.svg", "lib/marked.js"])
def test_compressed(gateway, name):
    plain, plain_headers, content = gateway.get(f"/{name}")
    status, headers, body = gateway.request("GET", f"/{name}", headers={"Accept-Encoding": "br;q=1.0, gzip"})
    if name == "favicon.svg":  # Too short to gain by it.
        assert body == content and headers["Content-Encoding"] is None
        return
    assert plain == status == 200 and gzip.decompress(body) == content and len(body) < len(content) / 2
    assert headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in headers["Vary"] and "Accept-Encoding" in plain_headers["Vary"]
    assert headers["ETag"] != plain_headers["ETag"]
    again = gateway.request("GET", f"/{name}", headers={"Accept-Encoding": "gzip", "If-None-Match": headers["ETag"]})
    assert again[0] == 304 and again[1]["ETag"] == headers["ETag"]
    head = gateway.request("HEAD", f"/{name}", headers={"Accept-Encoding": "gzip"})
    assert head[2] == b"" and int(head[1]["Content-Length"]) == len(body)


LIBRARIES = {"marked": "export default exports;", "prism": "export default Prism;", "katex": "katex as default"}


@pytest.mark.parametrize("name", LIBRARIES)
def test_library_of_the_widget(gateway, name):
    """From the folders of the system, as a module; and nothing else from there."""
    status, headers, body = gateway.get(f"/lib/{name}.js")
    assert status == 200 and headers.get_content_type() == "text/javascript" and LIBRARIES[name] in body.decode()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert gateway.request("GET", f"/lib/{name}.js", headers={"If-None-Match": headers["ETag"]})[0] == 304
    for other in (f"/lib/{name}.min.js", f"/lib/{name}.js/", "/lib/", "/lib/javascript/marked/marked.umd.min.js",
                  "/lib/../doc/base-files/copyright", "/lib/doc/base-files/copyright"):
        assert gateway.get(other)[0] == 404, other


@pytest.mark.parametrize("path", [
    "/../Package.swift", "/%2e%2e/Package.swift", "/..%2fPackage.swift", "/%2e%2e%2fPackage.swift",
    "/./../Package.swift", "/x/../../Package.swift", "//etc/passwd", "/%2fetc/passwd", "/..\\Package.swift",
    "/%5c..%5cPackage.swift", "/index.html%00.js", "/%00", "/.git/config", "/.data/secret", "/%c0%ae%c0%ae/Package.swift",
    "/index.html/", "/index.html/../../Package.swift", "/%", "/%zz", "/....//Package.swift"])
def test_no_way_out(gateway, path):
    with RawConnection(gateway) as raw:
        raw.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        status, _, body = raw.response()
    assert status in (400, 404), body[:100]
    assert b"swift-tools-version" not in body and b"root:" not in body


def test_a_query_does_not_matter(gateway):
    assert gateway.get("/index.html?v=1")[2] == gateway.get("/index.html")[2]


def test_an_escaped_name(gateway):
    assert gateway.get("/index%2ehtml")[2] == gateway.get("/index.html")[2]
