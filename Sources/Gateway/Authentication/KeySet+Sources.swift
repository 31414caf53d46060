import EventLoop
import Foundation
import HTTP
import HTTPTypes

extension KeySet {
    /// A file that is read when it is asked for: at the start and at SIGHUP.
    package static func file(_ path: String) -> Source {
        { done in
            DispatchQueue.global().async {
                guard let handle = FileHandle(forReadingAtPath: path) else {
                    return done(.failure(KeySetError("\(path) can't be read")))
                }
                defer { try? handle.close() }
                let data = (try? handle.read(upToCount: VerificationKeys.maximumBytes + 1)) ?? nil
                guard let data else { return done(.failure(KeySetError("\(path) can't be read"))) }
                done(.success(Array(data)))
            }
        }
    }

    /// The issuer's address. It is asked on a loop of its own, which sleeps in between.
    ///
    /// - Throws: when the address can't be used: only https, or http to this machine, since whoever can change the keys
    ///   on the way can sign in as anybody.
    ///
    /// - Parameter caFile: authorities, as PEM, that are believed beside the system's.
    package static func url(_ text: String, caFile: String? = nil) throws -> Source {
        let url: HTTPURL
        do {
            url = try HTTPURL(text)
        } catch {
            throw KeySetError("\"\(text)\" is no address such as https://id.example/.well-known/jwks.json")
        }
        let isHere = url.host == "localhost" || (IPAddress(url.host)?.isLoopback ?? false)
        guard url.scheme == .https || isHere else {
            throw KeySetError("keys are fetched by https only (http to this machine is allowed)")
        }
        let trust = url.scheme == .https ? try TLSClientContext(extraCAFile: caFile) : nil
        let fetcher = try KeyFetcher(url, trust)
        return { done in fetcher.fetch(done) }
    }
}

/// Fetches one small document over and over.
///
/// `@unchecked Sendable`: everything but the loop itself is touched on the loop only.
private final class KeyFetcher: @unchecked Sendable {
    private let url: HTTPURL
    private let trust: TLSClientContext?
    private let loop: EventLoop
    private var client: HTTPClient?

    init(_ url: HTTPURL, _ trust: TLSClientContext?) throws {
        self.url = url
        self.trust = trust
        loop = try EventLoop(label: "parley.keys")
        loop.start()
    }

    deinit {
        loop.stop()
    }

    func fetch(_ done: @escaping @Sendable (Result<[UInt8], KeySetError>) -> Void) {
        loop.execute { [self] in
            let client = client ?? makeClient()
            let request = HTTPClientRequest(.get, url, headers: [("Accept", "application/json")])
            client.start(request, KeyReply(done))
        }
    }

    private func makeClient() -> HTTPClient {
        var settings = HTTPClientSettings()
        // Sign-ins wait for this: better refused than kept waiting.
        settings.connectTimeout = 3_000_000_000
        settings.firstByteTimeout = 5_000_000_000
        settings.totalTimeout = 8_000_000_000
        settings.tls = trust
        let names = ProcessInfo.processInfo.environment
        if let proxies = try? HTTPProxySettings(
            http: names["http_proxy"], https: names["https_proxy"] ?? names["HTTPS_PROXY"],
            none: names["no_proxy"] ?? names["NO_PROXY"])
        {
            settings.proxies = proxies
        }
        let client = HTTPClient(on: loop, settings)
        self.client = client
        return client
    }
}

/// One answer of the issuer, as far as it is short enough.
private final class KeyReply: HTTPClientReceiver {
    private let done: (Result<[UInt8], KeySetError>) -> Void
    private var body: [UInt8] = []
    private var status = 0

    init(_ done: @escaping (Result<[UInt8], KeySetError>) -> Void) {
        self.done = done
    }

    func exchange(_ exchange: HTTPExchange, head: HTTPClientHead) {
        status = head.status
    }

    func exchange(_ exchange: HTTPExchange, body bytes: UnsafeRawBufferPointer) {
        // What is over the bound is refused by whoever reads the set: one byte more is enough to tell.
        body.append(contentsOf: bytes.prefix(VerificationKeys.maximumBytes + 1 - body.count))
    }

    func exchangeEnded(_ exchange: HTTPExchange) {
        done(status == 200 ? .success(body) : .failure(KeySetError("the issuer answered \(status)")))
    }

    func exchange(_ exchange: HTTPExchange, failed failure: HTTPClientFailure) {
        done(.failure(KeySetError("the issuer could not be asked: \(failure)")))
    }
}
