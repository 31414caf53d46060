/// The name that somebody who slipped may have meant.
package enum NearestName {
    /// Names longer than this are not compared: whoever writes them has not slipped.
    private static let longest = 128

    /// - Parameter within: slips at most, each a letter that is wrong, missing, surplus, or changed places with the next.
    /// - Returns: the nearest, the first of several.
    package static func find(_ name: String, among names: [String], within: Int) -> String? {
        var best: (name: String, slips: Int)?
        for candidate in names {
            let slips = slips(from: Array(name.utf8), to: Array(candidate.utf8))
            if slips <= within, slips < best?.slips ?? .max { best = (candidate, slips) }
        }
        return best?.name
    }

    /// Optimal string alignment.
    static func slips(from first: [UInt8], to second: [UInt8]) -> Int {
        guard first.count <= longest, second.count <= longest else { return .max }
        var before: [Int] = []
        var last = Array(0...second.count)
        for row in 0..<first.count {
            var current = [row + 1]
            for column in 0..<second.count {
                var cost = min(
                    last[column] + (first[row] == second[column] ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, first[row] == second[column - 1], first[row - 1] == second[column] {
                    cost = min(cost, before[column - 1] + 1)
                }
                current.append(cost)
            }
            (before, last) = (last, current)
        }
        return last[second.count]
    }
}
