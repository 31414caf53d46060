extension Setting {
    /// All there are, in the order in which they are listed. What is not here can't be read.
    package static let all: [Setting] = [
        Setting("database.url", .text, .none, isSecret: true, "libpq's URI or keywords of the database; required"),
        Setting(
            "database.replica.url", .text, .none, isSecret: true,
            "of a server that follows it: reads that may be a little behind go there"),
        Setting(
            "database.prepared", .boolean, .found("found out"),
            "whether statements are prepared; false behind a pooler that lends sessions by the transaction"),
        Setting(
            "database.pool.min", .integer(0...1_000), .value("5"),
            "connections to the database that are kept, of all shards"),
        Setting("database.pool.max", .integer(1...1_000), .value("20"), "connections to the database at most"),
        Setting("database.pool.overflow", .integer(0...1_000), .value("10"), "and so many more in a spike"),
        Setting("http.host", .text, .value("127.0.0.1"), "address to listen on"),
        Setting("http.port", .integer(0...65_535), .value("8080"), "port to listen on, 0 for a free one"),
        Setting("tls.certificate", .list, .none, "PEM files with certificates and their chains: serves over TLS"),
        Setting("tls.private.key", .list, .none, "their private keys, in the same order"),
        Setting("shards", .integer(1...256), .found("cores"), "event loops"),
        Setting("public.dir", .text, .value("public"), "directory of the widget and its page"),
        Setting(
            "widget.libraries", .text, .value("/usr/share"),
            "where Debian's packages put the widget's libraries, or none"),
        Setting(
            "auth.jwt.secret", .text, .none, isSecret: true,
            "the key of HS256; this, AUTH_JWKS_URL or AUTH_JWKS_FILE is required"),
        Setting("auth.jwks.url", .text, .none, "where an identity provider's public keys are"),
        Setting("auth.jwks.file", .text, .none, "a file with them"),
        Setting("auth.ca.file", .text, .none, "further authorities (PEM) that are believed when the keys are fetched"),
        Setting("auth.role.claim", .text, .value("role"), "the claim with the role or roles"),
        Setting("auth.issuer", .text, .none, "the issuer that a token must have"),
        Setting("auth.audience", .text, .none, "the audience that a token must have"),
        Setting("auth.cookie", .text, .none, "name of the cookie that may hold the token"),
        Setting("allowed.origins", .list, .none, "origins beside the gateway's own"),
        Setting("agent", .text, .value("todo"), "the assistant: todo, chat-completions, agui or scripted"),
        Setting("agent.base.url", .text, .none, isSecret: true, "where the assistant is"),
        Setting("agent.api.key", .text, .none, isSecret: true, "sent to it as a bearer token"),
        Setting("agent.model", .text, .none, "the model; required with chat-completions"),
        Setting(
            "agent.instructions", .text, .found("a short text about the tools"),
            "the system message of chat-completions"),
        Setting("agent.name", .text, .none, "what the widget calls the assistant"),
        Setting("agent.greeting", .text, .none, "what the widget says before a conversation begins"),
        Setting("agent.picture", .text, .none, "address of the assistant's picture, in the widget"),
        Setting("agent.suggestions", .text, .none, "what could be said first, with | between them"),
        Setting(
            "agent.compat", .text, .found("found out"), "what the server of chat-completions takes"),
        Setting(
            "agent.reasoning", .text, .value("hide"), "show: what the assistant thinks is streamed, and not stored"),
        Setting(
            "approve.tools", .list, .none, "tools that are carried out only when the person agrees, or *: all"),
        Setting(
            "approve.bulk", .integer(0...100), .value("3"),
            "tasks that the to-do assistant deletes or changes at once without asking"),
        Setting("approval.expires", .age, .value("24h"), "how long a person may answer"),
        Setting("agent.max.steps", .integer(1...64), .value("8"), "requests to the assistant in one turn"),
        Setting("agent.ca.file", .text, .none, "further authorities (PEM) that are believed for an https assistant"),
        Setting("agent.connect.timeout.seconds", .integer(1...300), .value("10"), "name, connection and TLS together"),
        Setting(
            "agent.first.byte.timeout.seconds", .integer(1...3_600), .value("300"),
            "until the assistant begins to answer"),
        Setting("agent.idle.timeout.seconds", .integer(1...3_600), .value("120"), "between two parts of its answer"),
        Setting("agent.total.timeout.seconds", .integer(1...86_400), .value("600"), "one request to it in all"),
        Setting("agent.max.header.bytes", .integer(1_024...(1 << 20)), .value("65536"), "of its answer's head"),
        Setting("agent.max.reply.bytes", .integer(1_024...(1 << 30)), .value("16777216"), "of its answer"),
        Setting("agent.max.event.bytes", .integer(1_024...(64 << 20)), .value("1048576"), "of one event in it"),
        Setting(
            "agent.max.retries", .integer(0...10), .value("2"),
            "repetitions of a request of whose answer nothing was shown"),
        Setting(
            "agent.retry.after.max.seconds", .integer(0...600), .value("10"),
            "the longest Retry-After that is waited for"),
        Setting(
            "agent.breaker.failures", .integer(0...1_000), .value("5"),
            "failures in a row after which the assistant is left alone, 0: never"),
        Setting("agent.breaker.seconds", .integer(1...3_600), .value("10"), "for how long"),
        Setting("agent.max.streams", .integer(1...1_000_000), .value("1000"), "requests to it at once"),
        Setting("agent.max.waiting", .integer(0...1_000_000), .value("1000"), "turns that wait for one"),
        Setting("agent.wait.seconds", .integer(1...600), .value("10"), "how long they wait"),
        Setting("https.proxy", .text, .none, isSecret: true, "the way to an https assistant"),
        Setting("http.proxy", .text, .none, isSecret: true, "the way to an http assistant"),
        Setting("no.proxy", .text, .none, "hosts that are reached without"),
        Setting(
            "token.pace.ms", .integer(0...60_000), .value("0"),
            "between the words of the to-do assistant; with --dev 25"),
        Setting("scripted.tokens", .integer(0...100_000), .value("20"), "what the scripted assistant says"),
        Setting("scripted.pace.ms", .integer(0...60_000), .value("0"), "between its words"),
        Setting(
            "context.messages", .integer(1...1_000), .value("10"), "messages of a conversation that an assistant sees"),
        Setting(
            "stream.keep.alive.seconds", .integer(1...300), .value("15"),
            "between comments on an event stream that has nothing to say"),
        Setting("coalesce.ms", .integer(0...10_000), .value("0"), "window within which text deltas are merged"),
        Setting(
            "gather.us", .integer(0...10_000), .value("300"),
            "between looks at peers that send without waiting, 0: none"),
        Setting(
            "receive.buffer.bytes", .integer(0...(1 << 30)), .value("131072"),
            "of a connection that the system holds until they are read, 0: as many as it likes"),
        Setting("drain.seconds", .integer(0...3_600), .value("20"), "for running replies at a stop"),
        Setting(
            "drain.delay.seconds", .integer(0...600), .value("5"),
            "how long a stop waits for balancers to learn of it; with --dev 0"),
        Setting(
            "content.keys", .text, .none, isSecret: true,
            "keys that contents are encrypted with at rest, the first for new ones"),
        Setting(
            "webhook.urls", .list, .none, isSecret: true,
            "who is told of messages, ended runs, reminders and deleted users; they may hold passwords"),
        Setting(
            "webhook.secrets", .list, .none, isSecret: true,
            "whsec_… that webhooks are signed with; several while one replaces the other"),
        Setting(
            "webhook.allow.private", .boolean, .value("false"), "whether they may be http, or at private addresses"),
        Setting(
            "webhook.contents", .boolean, .found("true without CONTENT_KEYS"), "whether what was said goes along"),
        Setting("webhook.ca.file", .text, .none, "further authorities (PEM) that are believed for them"),
        Setting("webhook.timeout.seconds", .integer(1...120), .value("15"), "one webhook in all"),
        Setting("webhook.max.attempts", .integer(1...100), .value("12"), "to send one, before it is a dead letter"),
        Setting("webhook.max.connections", .integer(1...256), .value("8"), "webhooks at once, to each address"),
        Setting("webhook.keep", .age, .value("30d"), "how long a dead letter is kept"),
        Setting(
            "cluster.url", .list, .none, isSecret: true,
            "nats:// or tls:// servers that join the gateways of a database; they may hold passwords"),
        Setting("cluster.name", .text, .value("parley"), "of the gateways that belong together, on those servers"),
        Setting("cluster.credentials.file", .text, .none, "a file of nsc with what the gateway signs in with there"),
        Setting("cluster.ca.file", .text, .none, "authorities (PEM) that are believed for them, not the system's"),
        Setting("cluster.certificate", .text, .none, "a PEM file with the client certificate that they ask for"),
        Setting("cluster.private.key", .text, .none, "its private key"),
        Setting("dormant.after", .age, .value("30d"), "since the last message, until a conversation sleeps"),
        Setting("archive.after", .age, .value("90d"), "until it is archived"),
        Setting("delete.after", .age, .value("never"), "until it is deleted"),
        Setting("purge.after", .age, .value("30d"), "since a conversation's deletion, until it is gone"),
        Setting("task.undo", .age, .value("30d"), "how long a deleted task can be brought back"),
        Setting("audit.keep", .age, .value("365d"), "an entry's age in the audit log"),
        Setting("retention.interval", .age, .value("10m"), "between two sweeps in the background"),
        Setting("single.conversation", .boolean, .value("false"), "one active conversation a user"),
        Setting("deflate", .boolean, .value("true"), "whether permessage-deflate is offered"),
        Setting(
            "deflate.threshold", .integer(0...(16 << 20)), .value("512"),
            "bytes under which a message goes uncompressed"),
        Setting(
            "deflate.takeover", .text, .value("none"),
            "whose window lives on between messages: none, server, client or both"),
        Setting("deflate.window.bits", .integer(9...15), .value("15"), "the largest window"),
        Setting("deflate.memory", .integer(0...(1 << 40)), .value("67108864"), "bytes of windows that live on"),
        Setting("trusted.proxies", .list, .none, "networks whose X-Forwarded-For is believed"),
        Setting("max.message.bytes", .integer(1_024...(16 << 20)), .value("262144"), "of a frame or message"),
        Setting(
            "max.content.length", .integer(1...200_000), .found("the database's, 10000"),
            "code points of a user's message"),
        Setting("max.messages.per.conversation", .integer(2...1_000_000), .value("1000"), "of a conversation"),
        Setting("max.sockets", .integer(1...1_000_000), .value("20000"), "connections at once"),
        Setting("max.sockets.per.user", .integer(1...100_000), .value("50"), "sockets of one user"),
        Setting("max.sockets.per.address", .integer(1...1_000_000), .value("1000"), "connections from one address"),
        Setting(
            "max.runs.per.user", .integer(1...512), .value("32"), "conversations of one user that are answered at once"),
        Setting("handshake.seconds", .integer(1...3_600), .value("10"), "for a request's head and TLS's handshake"),
        Setting("keep.alive.seconds", .integer(1...3_600), .value("75"), "that an idle connection is kept"),
        Setting("ping.seconds", .integer(1...3_600), .value("30"), "between pings on a socket"),
        Setting("pong.seconds", .integer(1...7_200), .value("60"), "without a sign of life"),
        Setting(
            "rate.limit.messages", .integer(0...1_000_000), .value("60000"),
            "messages of a user a minute, 0: not limited"),
        Setting("rate.limit.burst", .integer(1...1_000_000), .value("5000"), "and at once"),
        Setting(
            "rate.limit.create", .integer(0...1_000_000), .value("600"),
            "conversations and tasks by HTTP that a user makes a minute, 0: not limited"),
        Setting("rate.limit.create.burst", .integer(1...1_000_000), .value("100"), "and at once"),
        Setting(
            "rate.limit.handshakes", .integer(0...1_000_000), .value("1200"),
            "handshakes of an address a minute, 0: not limited"),
        Setting(
            "rate.limit.failed.sign.ins", .integer(0...1_000_000), .value("60"),
            "failed sign-ins of an address a minute, 0: not limited"),
        Setting("otel.exporter.otlp.endpoint", .text, .none, "of a collector: traces go to /v1/traces below it"),
        Setting("otel.exporter.otlp.traces.endpoint", .text, .none, "the whole address for traces, instead of it"),
        Setting("otel.exporter.otlp.headers", .list, .none, isSecret: true, "key=value… sent with them"),
        Setting("otel.exporter.otlp.protocol", .text, .value("http/json"), "the only one that there is"),
        Setting(
            "otel.exporter.otlp.certificate", .text, .none, "further authorities (PEM) that are believed for it"),
        Setting("otel.exporter.otlp.timeout", .integer(1...600_000), .value("10000"), "ms, one request in all"),
        Setting("otel.service.name", .text, .value("parley"), "the resource's service.name"),
        Setting("otel.resource.attributes", .list, .none, "key=value… of the resource"),
        Setting("otel.traces.sampler", .text, .value("parentbased_always_on"), "which traces are recorded"),
        Setting("otel.traces.sampler.arg", .text, .found("1"), "the ratio of a traceidratio sampler"),
        Setting("otel.bsp.schedule.delay", .integer(1...600_000), .value("5000"), "ms between two exports"),
        Setting("otel.bsp.max.queue.size", .integer(1...1_000_000), .value("2048"), "spans that wait"),
        Setting("otel.bsp.max.export.batch.size", .integer(1...100_000), .value("512"), "spans in one request"),
        Setting("otel.sdk.disabled", .boolean, .value("false"), "nothing is traced, whatever else is set"),
        Setting("metrics.token", .text, .none, isSecret: true, "who brings it may read /metrics from anywhere"),
        Setting("log.level", .text, .value("info"), "trace, debug, info, notice, warning, error or critical"),
        Setting("log.format", .text, .value("text"), "text or json"),
        Setting(
            "log.buffer.bytes", .integer(65_536...(1 << 30)), .value("1048576"),
            "of log lines that may wait for a reader that stalls"),
    ]

    private static let byKey = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })

    /// The declaration of a key, whatever is asked for.
    static func declared(_ key: String) -> Setting? { byKey[key] }
}
