import CoreMetrics
import Store
import Synchronization

/// What can be seen of webhooks; the same series whether there are any or not.
final class WebhookMetrics: Sendable {
    private let figures = Mutex(WebhookFigures())
    private let outcomes: [Counter]

    init(_ registry: MetricsRegistry) {
        outcomes = ["taken", "failed", "given_up"].map {
            Counter(label: "parley_webhook_attempts_total", dimensions: [("outcome", $0)], factory: registry)
        }
        registry.makeReading(label: "parley_webhooks", .gauge, dimensions: [("state", "pending")]) { [self] in
            Double(figures.withLock { $0.pending })
        }
        registry.makeReading(label: "parley_webhooks", .gauge, dimensions: [("state", "dead")]) { [self] in
            Double(figures.withLock { $0.dead })
        }
        registry.makeReading(label: "parley_webhook_oldest_seconds", .gauge) { [self] in
            figures.withLock { $0.age }
        }
    }

    func see(_ new: WebhookFigures) {
        figures.withLock { $0 = new }
    }

    func count(_ outcome: WebhookOutcome) {
        switch outcome {
        case .taken: outcomes[0].increment()
        case .again: outcomes[1].increment()
        case .givenUp: outcomes[2].increment()
        }
    }
}
