import Foundation

/// What `parley top` shows of two looks at the figures.
package enum TopPicture {
    package static func draw(_ look: MetricsLook, since last: MetricsLook?, seconds: Double?, of url: String) -> String
    {
        func rate(_ name: String, _ label: String? = nil) -> String {
            guard let last, let seconds, seconds > 0 else { return "-" }
            let change = look.sum(name, label) - last.sum(name, label)
            // A gateway that was started anew counts from the beginning.
            return String(format: "%.1f/s", max(0, change < 0 ? look.sum(name, label) : change) / seconds)
        }
        func whole(_ name: String, _ label: String? = nil) -> String { String(Int(look.sum(name, label))) }
        func time(_ name: String, _ part: Double) -> String {
            guard let value = look.quantile(name, part, since: last) else { return "-" }
            if value.isInfinite { return "more" }
            return value < 1 ? String(format: "%.1f ms", value * 1_000) : String(format: "%.2f s", value)
        }
        func row(_ cells: [String]) -> String {
            cells.enumerated().map { index, cell in
                index % 2 == 0
                    ? cell.padding(toLength: 18, withPad: " ", startingAt: 0)
                    : cell.padding(toLength: 12, withPad: " ", startingAt: 0)
            }.joined().trimmingCharacters(in: .whitespaces)
        }
        return [
            "parley top  \(url)",
            "",
            row([
                "sockets", whole("parley_sockets"), "users", whole("parley_sessions"), "http",
                whole("parley_http_connections"),
            ]),
            row([
                "runs running", whole("parley_runs", "running"), "waiting", whole("parley_runs", "waiting"), "upstream",
                whole("parley_upstream_streams"),
            ]),
            row([
                "runs ended", rate("parley_runs_ended_total"), "errors", rate("parley_run_errors_total"), "deltas",
                rate("parley_deltas_total"),
            ]),
            row([
                "requests", rate("parley_http_responses_total"), "limited", rate("parley_limited_total"), "sign-ins",
                rate("parley_sign_ins_total"),
            ]),
            "",
            row(["", "half", "99 of 100", "all but 1 in 1000"]),
            row([
                "answered after", time("parley_ack_seconds", 0.5), time("parley_ack_seconds", 0.99),
                time("parley_ack_seconds", 0.999),
            ]),
            row([
                "first token", time("parley_first_token_seconds", 0.5), time("parley_first_token_seconds", 0.99),
                time("parley_first_token_seconds", 0.999),
            ]),
            row([
                "whole turn", time("parley_turn_seconds", 0.5), time("parley_turn_seconds", 0.99),
                time("parley_turn_seconds", 0.999),
            ]),
            row([
                "writes", time("parley_commit_seconds", 0.5), time("parley_commit_seconds", 0.99),
                "slowest \(time("parley_commit_seconds", 1))",
            ]),
            "",
            row([
                "rows waiting", whole("parley_waiting_rows"), "pool waiting", whole("parley_pool_waiting"), "loop lag",
                time("parley_loop_lag_seconds", 0.99),
            ]),
        ].joined(separator: "\n") + "\n"
    }
}
