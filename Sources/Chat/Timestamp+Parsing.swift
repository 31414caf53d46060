extension Timestamp {
    /// Microseconds since 1970 of an ISO 8601 time with its zone: "2026-05-04T17:00:00+02:00", "2026-05-04 15:00Z".
    /// Seconds and their fraction may be missing, the zone may not. `nil` for anything else, for a day that there is not,
    /// and for times before 1970 or behind 9998.
    package static func microseconds(iso8601 text: String) -> Int64? {
        var reader = Reader(bytes: Array(text.utf8.prefix(41))[...])
        guard text.utf8.count <= 40, let year = reader.number(4), reader.skip("-"), let month = reader.number(2),
            reader.skip("-"), let day = reader.number(2), reader.skip("Tt "), let hour = reader.number(2),
            reader.skip(":"), let minute = reader.number(2)
        else { return nil }
        var second = 0
        var fraction = 0
        if reader.skip(":") {
            guard let seconds = reader.number(2) else { return nil }
            second = seconds
            if reader.skip(".,") {
                var digits = 0
                while let digit = reader.number(1) {
                    if digits < 6 { fraction = fraction * 10 + digit }
                    digits += 1
                }
                guard digits > 0 else { return nil }
                for _ in min(digits, 6)..<6 { fraction *= 10 }
            }
        }
        var offset = 0
        if !reader.skip("Zz") {
            let isWest = reader.isAt("-")
            guard reader.skip("+-"), let hours = reader.number(2) else { return nil }
            _ = reader.skip(":")
            let minutes = reader.isAtEnd ? 0 : reader.number(2)
            guard let minutes, hours <= 18, minutes < 60 else { return nil }
            offset = (hours * 60 + minutes) * (isWest ? -1 : 1)
        }
        guard reader.isAtEnd, (1970...9998).contains(year), (1...12).contains(month), hour < 24, minute < 60,
            second < 60, day >= 1, day <= length(of: month, in: year)
        else { return nil }
        let seconds = days(year: year, month: month, day: day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second
        return seconds < 0 ? nil : Int64(seconds) * 1_000_000 + Int64(fraction)
    }

    /// Days of a month.
    package static func length(of month: Int, in year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days from 1970-01-01 to a Gregorian date from then on.
    package static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private struct Reader {
        var bytes: ArraySlice<UInt8>

        var isAtEnd: Bool { bytes.isEmpty }

        func isAt(_ characters: StaticString) -> Bool {
            guard let first = bytes.first else { return false }
            return characters.withUTF8Buffer { $0.contains(first) }
        }

        mutating func skip(_ characters: StaticString) -> Bool {
            guard isAt(characters) else { return false }
            bytes.removeFirst()
            return true
        }

        mutating func number(_ digits: Int) -> Int? {
            guard bytes.count >= digits, bytes.prefix(digits).allSatisfy({ (0x30...0x39).contains($0) }) else {
                return nil
            }
            defer { bytes.removeFirst(digits) }
            return bytes.prefix(digits).reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
    }
}
