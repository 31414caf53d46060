package import HTTP

/// What shows that a request has come through a proxy.
package enum ProxyTrace {
    /// Parts of field names that only proxies write: `X-Forwarded-For`, `Forwarded`, `True-Client-IP`, `X-Real-IP`…
    private static let parts = [
        "forwarded", "client-ip", "clientip", "real-ip", "remote-ip", "remote-addr", "connecting-ip", "original-host",
        "original-url", "original-ip", "originating-ip", "proxy",
    ]
    /// Beginnings of field names that providers keep for themselves.
    private static let beginnings = [
        "akamai-", "ali-", "cdn-", "cf-", "cloudfront-", "envoy-", "fastly-", "fly-", "incap-", "ngrok-", "rndr-",
        "tailscale-", "x-akamai-", "x-amz-cf-", "x-amzn-", "x-appengine-", "x-arr-", "x-azure-", "x-cdn", "x-cloud-",
        "x-envoy-", "x-fastly-", "x-nf-", "x-railway-", "x-render-", "x-replit-", "x-sucuri-", "x-varnish", "x-vercel-",
    ]
    private static let names: Set = ["via", "x-scheme", "x-rewrite-url", "x-host"]

    /// Whether a field of the request is one that proxies add, whoever wrote it.
    package static func isShown(by headers: HTTPHeaders) -> Bool {
        headers.hasName { name in
            names.contains(name) || beginnings.contains(where: name.hasPrefix) || parts.contains(where: name.contains)
        }
    }

    /// The fields that tell of a client's address, of which the first is the one that is believed (`TRUSTED_PROXIES`).
    package static func namesClient(_ headers: HTTPHeaders) -> Bool {
        headers.contains("x-forwarded-for") || headers.contains("x-real-ip") || headers.contains("forwarded")
    }
}
