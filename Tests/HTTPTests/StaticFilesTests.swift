import EventLoop
import Foundation
import HTTP
import HTTPTypes
import Testing

/// A directory of its own for one test, removed with it.
final class Directory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("parley-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path + "/public/docs", withIntermediateDirectories: true)
        try write("secret.txt", "secret")
        try write("public/index.html", "<p>index")
        try write("public/app.js", "app")
        try write("public/docs/index.html", "docs")
        try write("public/.hidden", "hidden")
        try write("public/with space.txt", "space")
        try FileManager.default.createDirectory(atPath: path + "/public/.git", withIntermediateDirectories: true)
        try write("public/.git/config", "git")
        try FileManager.default.createDirectory(atPath: path + "/public2", withIntermediateDirectories: true)
        try write("public2/sibling.txt", "sibling")
        for (name, target) in [
            ("out.txt", "../secret.txt"), ("outdir", ".."), ("sibling", "../public2"), ("in.txt", "app.js"),
            ("hid.txt", ".hidden"), ("dangling", "nowhere"), ("loop", "loop"), ("dev.txt", "/dev/zero"),
        ] {
            try FileManager.default.createSymbolicLink(
                atPath: path + "/public/" + name, withDestinationPath: target)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ content: String) throws {
        try Data(content.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    }
}

@Suite struct StaticFilesTests {
    private static func text(_ file: StaticFiles.File?) -> String? {
        file.map { String(decoding: $0.content, as: UTF8.self) }
    }

    @Test func modulesOfFilesElsewhere() throws {
        let directory = try Directory()
        try directory.write("public2/a.js", "var a")
        try directory.write("public/lib.js", "of the directory")
        let files = try StaticFiles(
            directory: directory.path + "/public",
            modules: [
                StaticModule("lib/x.js", prologue: "<", parts: ["a.js", "sibling.txt"], epilogue: ">"),
                StaticModule("lib.js", parts: ["a.js"]),
                StaticModule("lib/missing.js", parts: ["a.js", "b.js"]),
                StaticModule("lib/out.js", parts: ["../secret.txt"]),
            ], from: directory.path + "/public2")
        #expect(files.missingModules == ["lib/missing.js", "lib/out.js"])
        #expect(Self.text(files.file(["lib", "x.js"], now: 1)) == "<var a\nsibling\n>")
        #expect(files.file(["lib", "x.js"], now: 1)?.contentType == "text/javascript; charset=utf-8")
        #expect(Self.text(files.file(["lib.js"], now: 1)) == "var a\n")
        for path in [["lib", "missing.js"], ["lib", "out.js"], ["a.js"], ["sibling.txt"]] {
            #expect(files.file(path, now: 1) == nil)
        }
        let without = try StaticFiles(
            directory: directory.path + "/public", modules: [StaticModule("lib/x.js", parts: ["a.js"])],
            from: directory.path + "/nowhere")
        #expect(without.missingModules == ["lib/x.js"])
    }

    @Test func namesThatOnlyLookAlike() throws {
        let directory = try Directory()
        try directory.write("public/\u{212A}.txt", "kelvin")
        try directory.write("public/K.txt", "k")
        let files = try StaticFiles(directory: directory.path + "/public")
        // From the disk, then from the cache.
        for _ in 0..<2 {
            #expect(Self.text(files.file(["\u{212A}.txt"], now: 1)) == "kelvin")
            #expect(Self.text(files.file(["K.txt"], now: 1)) == "k")
        }
    }

    @Test(arguments: [
        ("/", "<p>index"), ("/index.html", "<p>index"), ("/app.js", "app"), ("/docs/", "docs"), ("/in.txt", "app"),
        ("/with%20space.txt", "space"), ("/app.js?v=1", "app"),
        // Nothing else is served.
        ("/docs", nil), ("/nope", nil), ("/app.js/", nil), ("//app.js", nil), ("/docs//index.html", nil),
        ("/../secret.txt", nil), ("/%2e%2e/secret.txt", nil), ("/..%2fsecret.txt", nil), ("/..%5csecret.txt", nil),
        ("/docs/../app.js", nil), ("/./app.js", nil), ("/.hidden", nil), ("/.git/config", nil), ("/%2egit/config", nil),
        ("/out.txt", nil), ("/outdir/secret.txt", nil), ("/sibling/sibling.txt", nil), ("/hid.txt", nil),
        ("/dangling", nil), ("/loop", nil), ("/dev.txt", nil), ("/%0a", nil), ("/app.js%0a", nil),
        ("/" + String(repeating: "a/", count: 700), nil), ("/" + String(repeating: "a", count: 300), nil),
    ])
    func serves(_ target: String, _ content: String?) throws {
        let directory = try Directory()
        let files = try StaticFiles(directory: directory.path + "/public")
        #expect(Self.text(files.file(try request(target).segments, now: 0)) == content)
    }

    @Test(arguments: [
        ("a.html", "text/html; charset=utf-8"), ("a.js", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"), ("a.svg", "image/svg+xml"), ("a.PNG", "image/png"),
        ("a.ico", "image/x-icon"), ("a.json", "application/json"), ("a.webmanifest", "application/manifest+json"),
        ("a.woff2", "font/woff2"), ("a.txt", "text/plain; charset=utf-8"), ("a.js.map", "application/json"),
        ("a", "application/octet-stream"), ("x.html/a", "application/octet-stream"), ("a.", "application/octet-stream"),
    ])
    func contentTypes(_ path: String, _ type: String) {
        #expect(StaticFilePath.contentType(path) == type)
    }

    @Test func conditionalRequests() throws {
        let directory = try Directory()
        let files = try StaticFiles(directory: directory.path + "/public")
        let file = try #require(files.file(["app.js"], now: 0))
        #expect(file.eTag.hasPrefix("\"") && file.eTag.hasSuffix("\""))
        let (response, body) = files.response(for: file, ifNoneMatch: [])
        #expect(response.status == .ok && body == Array("app".utf8))
        #expect(response.headerFields[.contentType] == "text/javascript; charset=utf-8")
        #expect(response.headerFields[.cacheControl] == "no-cache")
        #expect(response.headerFields[.xContentTypeOptions] == "nosniff")
        #expect(response.headerFields[.contentSecurityPolicy]?.hasPrefix("default-src 'self'; connect-src") == true)
        #expect(response.headerFields[.eTag] == file.eTag)
        for match in [[file.eTag], ["W/" + file.eTag], ["\"x\" , " + file.eTag], ["\"x\"", file.eTag], ["*"]] {
            let (response, body) = files.response(for: file, ifNoneMatch: match)
            #expect(response.status == .notModified && body.isEmpty && response.headerFields[.eTag] == file.eTag)
        }
        for other in [["\"x\""], [""], [String(file.eTag.dropLast())], ["x" + file.eTag]] {
            #expect(files.response(for: file, ifNoneMatch: other).0.status == .ok)
        }
    }

    @Test(arguments: [
        (["gzip"], true), (["gzip, deflate, br"], true), (["br;q=1.0, GZIP;q=0.5"], true), (["x-gzip"], true),
        (["*"], true),
        (["br", "gzip"], true), ([], false), ([""], false), (["br"], false), (["gzip;q=0"], false),
        (["*, gzip; q=0.000"], false), (["*;q=0"], false), (["identity"], false), (["gzipped"], false),
    ])
    func compressesForWhomItIsRight(_ accepted: [String], _ isCompressed: Bool) throws {
        let directory = try Directory()
        let text = String(repeating: "words that come again and again ", count: 100)
        try directory.write("public/long.js", text)
        let files = try StaticFiles(directory: directory.path + "/public")
        let file = try #require(files.file(["long.js"], now: 0))
        let (response, body) = files.response(for: file, ifNoneMatch: [], acceptEncoding: accepted)
        #expect(response.headerFields[.vary] == "Accept-Encoding")
        #expect(response.headerFields[.contentEncoding] == (isCompressed ? "gzip" : nil))
        #expect((response.headerFields[.eTag] == file.eTag) == !isCompressed)
        #expect(isCompressed ? body.starts(with: [0x1F, 0x8B]) && body.count < 200 : body == Array(text.utf8))
        // Whichever a client has, it is still that one.
        let tag = try #require(response.headerFields[.eTag])
        for again in [accepted, [], ["gzip"]] {
            #expect(files.response(for: file, ifNoneMatch: [tag], acceptEncoding: again).0.status == .notModified)
        }
    }

    @Test(arguments: [("short.js", "var a"), ("picture.png", String(repeating: "a", count: 2_000))])
    func leavesAloneWhatGetsNoSmaller(_ name: String, _ content: String) throws {
        let directory = try Directory()
        try directory.write("public/" + name, content)
        let files = try StaticFiles(directory: directory.path + "/public")
        let file = try #require(files.file([name], now: 0))
        let (response, body) = files.response(for: file, ifNoneMatch: [], acceptEncoding: ["gzip"])
        #expect(body == Array(content.utf8) && response.headerFields[.contentEncoding] == nil)
        #expect(response.headerFields[.eTag] == file.eTag && response.headerFields[.vary] == nil)
    }

    @Test func compactsTheScriptsItIsTold() throws {
        let directory = try Directory()
        try directory.write("public/own.js", "// mine\na\n")
        var settings = StaticFiles.Settings()
        settings.compactsScript = { $0 == "app.js" }
        try directory.write("public/app.js", "// why\n    a // here\n")
        let files = try StaticFiles(directory: directory.path + "/public", settings: settings)
        #expect(Self.text(files.file(["app.js"], now: 0)) == "\na\n")
        #expect(Self.text(files.file(["own.js"], now: 0)) == "// mine\na\n")
    }

    @Test func seesChangesAfterAWhile() throws {
        let directory = try Directory()
        let files = try StaticFiles(directory: directory.path + "/public")
        let first = try #require(files.file(["app.js"], now: 0))
        try directory.write("public/app.js", "changed")
        #expect(Self.text(files.file(["app.js"], now: 999_999_999)) == "app")
        let second = try #require(files.file(["app.js"], now: 1_000_000_000))
        #expect(Self.text(second) == "changed" && second.eTag != first.eTag)
        // Unchanged: the same again.
        #expect(files.file(["app.js"], now: 5_000_000_000)?.eTag == second.eTag)
        try FileManager.default.removeItem(atPath: directory.path + "/public/app.js")
        #expect(files.file(["app.js"], now: 9_000_000_000) == nil)
    }

    @Test func boundsWhatItKeeps() throws {
        let directory = try Directory()
        var settings = StaticFiles.Settings()
        settings.fileBytes = 10
        settings.cacheFiles = 1
        settings.cacheBytes = 8
        let files = try StaticFiles(directory: directory.path + "/public", settings: settings)
        try directory.write("public/ten.txt", "0123456789")
        try directory.write("public/eleven.txt", "01234567890")
        #expect(Self.text(files.file(["ten.txt"], now: 0)) == "0123456789")
        #expect(files.file(["eleven.txt"], now: 0) == nil)
        #expect(Self.text(files.file(["app.js"], now: 0)) == "app")
        #expect(Self.text(files.file(["docs", ""], now: 0)) == "docs")
        #expect(Self.text(files.file(["app.js"], now: 0)) == "app")
    }

    @Test func needsADirectory() throws {
        let directory = try Directory()
        #expect(throws: SystemError.self) { try StaticFiles(directory: directory.path + "/nope") }
        #expect(throws: SystemError.self) { try StaticFiles(directory: directory.path + "/secret.txt") }
    }
}
