import Tracing

/// What all shards of the process have in common. Each part is safe to be used from all of them.
final class GatewayCommons: Sendable {
    let verifier: TokenVerifier
    let addresses: AddressLimits
    let metrics: MetricsRegistry
    let schema: SchemaProbe
    /// `nil`: nothing is traced.
    let tracer: Tracer?
    let proxies = UndeclaredProxies()
    let signIns = SignInNotes()

    init(
        verifier: TokenVerifier, addresses: AddressLimits, metrics: MetricsRegistry, schema: SchemaProbe,
        tracer: Tracer?
    ) {
        self.verifier = verifier
        self.addresses = addresses
        self.metrics = metrics
        self.schema = schema
        self.tracer = tracer
    }
}
