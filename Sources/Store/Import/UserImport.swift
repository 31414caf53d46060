package import Chat
import EventLoop
import JSON
import Postgres

/// Lines on their way into the database: read, gathered into batches, and counted. No I/O of its own.
package struct ImportBatches {
    /// Lines and bytes of a batch, which is one transaction.
    private static let batchLines = 200
    private static let batchBytes = 1 << 20

    package private(set) var report = ImportReport()
    private var reader: ImportReader
    private var batch: [JSON] = []
    private var types: [Int: String] = [:]
    private var bytes = 0

    package init(userID: String, contents: ContentCipher, now: Int64) {
        reader = ImportReader(userID: userID, contents: contents, now: now)
    }

    /// - Parameter number: of the line, from 1.
    /// - Returns: a batch that is full, as `parley.import_lines` takes it.
    package mutating func add(_ line: UnsafeRawBufferPointer, number: Int) -> String? {
        report.lines += 1
        do throws(ImportReader.Refusal) {
            for (index, record) in try reader.read(line).enumerated() {
                var record = record
                record["n"] = .integer(Int64(number))
                // What a line brings about beside itself counts with it.
                if index == 0 { types[number] = record["type"]?.string }
                let value = JSON.object(record)
                bytes += value.description.utf8.count
                batch.append(value)
            }
        } catch {
            report.refuse(number, error.reason)
        }
        return batch.count >= Self.batchLines || bytes >= Self.batchBytes ? take() : nil
    }

    /// What is left; `nil`: nothing.
    package mutating func take() -> String? {
        if batch.isEmpty { return nil }
        defer {
            batch = []
            bytes = 0
        }
        return JSON.array(batch).description
    }

    /// What became of a line of a batch.
    package mutating func settle(line: Int, outcome: String, reason: String?) {
        // What a line brings about beside itself goes with it.
        guard let type = types.removeValue(forKey: line) else { return }
        switch outcome {
        case "stored": report.stored[type, default: 0] += 1
        case "known": report.known += 1
        default: report.refuse(line, reason ?? "refused")
        }
    }
}

extension PostgresChatStore {
    /// Reads lines of an export back for a user. Each batch is stored by itself: after a failure the same lines can be
    /// sent again.
    package func importLines(
        userID: String, _ lines: [UInt8], now: Int64, completion: @escaping (Result<ImportReport, StoreError>) -> Void
    ) {
        var batches = ImportBatches(userID: userID, contents: settings.contents, now: now)
        var texts: [String] = []
        lines.withUnsafeBytes { buffer in
            var number = 0
            for line in buffer.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
                number += 1
                guard line.contains(where: { $0 > 0x20 }) else { continue }
                if let text = batches.add(UnsafeRawBufferPointer(rebasing: line), number: number) { texts.append(text) }
            }
            if let text = batches.take() { texts.append(text) }
        }
        store(texts[...], of: userID, batches, completion)
    }

    private func store(
        _ texts: ArraySlice<String>, of userID: String, _ batches: ImportBatches,
        _ completion: @escaping (Result<ImportReport, StoreError>) -> Void
    ) {
        guard let text = texts.first else {
            _ = pool.loop.schedule(after: 0) { completion(.success(batches.report)) }
            return
        }
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(text: settings.contents.sealingKey)
        parameters.append(jsonb: text)
        run(userID, Statements.importLines, parameters, isWrite: true) { [self] outcome in
            let settled = decoded(outcome) { rows throws(PostgresError) in
                var batches = batches
                for row in 0..<rows.count {
                    batches.settle(
                        line: Int(try rows.int4(row, 0)), outcome: try rows.text(row, 1),
                        reason: try rows.optionalText(row, 2))
                }
                return batches
            }
            switch settled {
            case .success(let batches): store(texts.dropFirst(), of: userID, batches, completion)
            case .failure(let error): completion(.failure(error))
            }
        }
    }
}

extension Statements {
    private typealias T = PostgresType

    static let importLines = Statement(
        "import_lines", "select * from parley.import_lines($1, $2, $3)", T.text, T.text, T.jsonb)
}
