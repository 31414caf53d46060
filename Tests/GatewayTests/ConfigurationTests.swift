import Cluster
import Configuration
import Gateway
import Logging
import Strings
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    private func read(_ variables: [String: String], isDevelopment: Bool = false) throws -> GatewayConfiguration {
        let reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: variables))
        return try GatewayConfiguration(reading: reader, isDevelopment: isDevelopment)
    }

    @Test("defaults")
    func defaults() throws {
        let configuration = try read([:])
        #expect(configuration.host == "127.0.0.1")
        #expect(configuration.port == 8080)
        #expect(configuration.poolMinimum == 5)
        #expect(configuration.poolMaximum == 20)
        #expect(configuration.poolOverflow == 10)
        #expect(configuration.shards >= 1)
        #expect(configuration.tokenPaceMilliseconds == 0)
        #expect(try read([:], isDevelopment: true).tokenPaceMilliseconds == 25)
    }

    @Test("the cluster")
    func cluster() throws {
        #expect(try read(["CLUSTER_NAME": "one"]).cluster == nil, "without servers there is none")
        let cluster = try #require(
            try read(["CLUSTER_URL": "tls://a.example, tls://b.example:4333", "CLUSTER_CA_FILE": "/etc/passwd"]).cluster
        )
        #expect(cluster.servers == ["tls://a.example", "tls://b.example:4333"])
        #expect(cluster.cluster == "parley" && cluster.isSecure && cluster.authorityFile == "/etc/passwd")
        let wrong: [([String: String], String)] = [
            (["CLUSTER_URL": "http://a"], "CLUSTER_URL server 1 is not"),
            (["CLUSTER_URL": "nats://a,tls://b"], "CLUSTER_URL has servers with TLS and servers without"),
            (["CLUSTER_NAME": "a b"], "CLUSTER_NAME is not 1 to 64"),
            (["CLUSTER_CREDENTIALS_FILE": "/nowhere"], "CLUSTER_CREDENTIALS_FILE: /nowhere can't be read"),
            (["CLUSTER_CERTIFICATE": "/etc/passwd"], "CLUSTER_CERTIFICATE and CLUSTER_PRIVATE_KEY belong together"),
        ]
        for (variables, beginning) in wrong {
            let error = #expect(throws: ConfigurationError.self) { try read(variables) }
            #expect(error?.description.hasPrefix(beginning) == true, "\(error.debugDescription)")
        }
    }

    @Test("values from the environment")
    func values() throws {
        let configuration = try read([
            "HTTP_PORT": "0", "SHARDS": "3", "AGENT": "scripted", "SCRIPTED_TOKENS": "7", "AUTH_COOKIE": "session",
            "ALLOWED_ORIGINS": "https://a.example, http://b.example:81", "LOG_LEVEL": "Debug",
            "DATABASE_URL": "postgresql:///x", "AUTH_JWT_SECRET": "s", "GATHER_US": "50", "RECEIVE_BUFFER_BYTES": "0",
        ])
        #expect(configuration.gatherMicroseconds == 50)
        #expect(configuration.receiveBufferBytes == 0)
        #expect(configuration.port == 0)
        #expect(configuration.shards == 3)
        #expect(configuration.agent == .scripted)
        #expect(configuration.scriptedTokens == 7)
        #expect(configuration.cookieName == "session")
        #expect(configuration.allowedOrigins == [Origin("https://a.example"), Origin("http://b.example:81")])
        #expect(configuration.logLevel == .debug)
        #expect(configuration.databaseURL == "postgresql:///x")
        #expect(configuration.jwtSecret == "s")
    }

    @Test("how the assistant is introduced")
    func presentation() throws {
        #expect(try read([:]).agentPresentation == AgentPresentation())
        let given = try read([
            "AGENT_NAME": " Ada ", "AGENT_GREETING": "Hello, what is it?", "AGENT_PICTURE": "/ada.png",
            "AGENT_SUGGESTIONS": " one, or two | |three",
        ]).agentPresentation
        #expect(given.name == "Ada" && given.greeting == "Hello, what is it?" && given.picture == "/ada.png")
        #expect(given.suggestions == ["one, or two", "three"])
    }

    @Test(
        "values that can't be used, by name",
        arguments: [
            ("HTTP_PORT", "eighty"), ("HTTP_PORT", "65536"), ("HTTP_PORT", "-1"), ("SHARDS", "0"),
            ("AGENT", "oracle"), ("ALLOWED_ORIGINS", "example.com"), ("ALLOWED_ORIGINS", "https://a.example/path"),
            ("ALLOWED_ORIGINS", "null"), ("ALLOWED_ORIGINS", "*"), ("ALLOWED_ORIGINS", "https://a.example/"),
            ("ALLOWED_ORIGINS", "https://*.example"), ("ALLOWED_ORIGINS", "wss://a.example"),
            ("ALLOWED_ORIGINS", "file://"), ("ALLOWED_ORIGINS", "https://a.example;x"),
            ("ALLOWED_ORIGINS", "https://m\u{FC}ller.example"),
            ("LOG_LEVEL", "loud"), ("MAX_MESSAGE_BYTES", "1"), ("TOKEN_PACE_MS", "1.5"), ("DATABASE_POOL_MAX", "2"),
            ("TLS_CERTIFICATE", "/a"), ("TRUSTED_PROXIES", "10.0.0.0/33"), ("TRUSTED_PROXIES", "proxy.example"),
            ("RATE_LIMIT_BURST", "0"), ("RATE_LIMIT_MESSAGES", "-1"), ("MAX_RUNS_PER_USER", "0"), ("LOG_FORMAT", "xml"),
            ("GATHER_US", "10001"), ("RECEIVE_BUFFER_BYTES", "-1"), ("AGENT_PICTURE", "javascript:alert(1)"),
            ("AGENT_PICTURE", "data:image/png,x"), ("AGENT_NAME", String(repeating: "a", count: 101)),
            ("AGENT_GREETING", "a\nb"), ("AGENT_SUGGESTIONS", "1|2|3|4|5|6|7|8|9"),
        ])
    func refused(_ name: String, _ value: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try read([name: value]) }
        #expect(error?.description.contains(name) == true)
    }
}

@Suite("Declared settings")
struct SettingTests {
    private func read(_ variables: [String: String], asked: @escaping (String) -> Void = { _ in }) throws
        -> GatewayConfiguration
    {
        let reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: variables))
        return try GatewayConfiguration(reading: reader, isDevelopment: false, asked: asked)
    }

    @Test("what is read is declared, and what is declared is read")
    func both() throws {
        var asked: Set<String> = []
        _ = try read([:]) { asked.insert($0) }
        #expect(asked.subtracting(Setting.all.map(\.key)) == [])
        #expect(Set(Setting.all.map(\.key)).subtracting(asked) == [])
        #expect(Set(Setting.all.map(\.key)).count == Setting.all.count)
    }

    @Test(
        "a declared default is what the program does without",
        arguments: Setting.all.filter { if case .value = $0.standard { true } else { false } }.map(\.key))
    func standard(_ key: String) throws {
        let setting = try #require(Setting.all.first { $0.key == key })
        guard case .value(let text) = setting.standard else { return }
        var (without, with) = ("", "")
        dump(try read([:]), to: &without)
        dump(try read([setting.name: text]), to: &with)
        #expect(without == with)
    }

    @Test(
        "the nearest name",
        arguments: [
            ("HTTP_PROT", "HTTP_PORT", 1), ("HTTP_POT", "HTTP_PORT", 1), ("HTTP_PORTS", "HTTP_PORT", 1),
            ("HTTP_PROTS", nil, 1), ("HTTP_PROTS", "HTTP_PORT", 2), ("X", nil, 2), ("", nil, 3),
        ] as [(String, String?, Int)])
    func nearest(_ name: String, _ wanted: String?, _ within: Int) {
        #expect(NearestName.find(name, among: ["SHARDS", "HTTP_PORT", "HTTP_HOST"], within: within) == wanted)
        #expect(NearestName.find(String(repeating: "x", count: 10_000), among: ["SHARDS"], within: .max - 1) == nil)
    }
}
