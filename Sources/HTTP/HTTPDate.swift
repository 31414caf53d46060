/// `Date` as RFC 9110 section 5.6.7 wants it, from seconds since 1970; no clock of its own.
package enum HTTPDate {
    private static let days: StaticString = "ThuFriSatSunMonTueWed"
    private static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// `Sun, 06 Nov 1994 08:49:37 GMT`. Times outside the years 1970 to 9999 are clamped to them.
    package static func bytes(secondsSince1970: Int) -> [UInt8] {
        let seconds = min(max(secondsSince1970, 0), 253_402_300_799)
        let day = seconds / 86_400
        let second = seconds % 86_400
        let (year, month, dayOfMonth) = civil(day)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(29)
        append(days, day % 7, &bytes)
        bytes += [UInt8(ascii: ","), HTTPByte.space]
        append(dayOfMonth, width: 2, &bytes)
        bytes.append(HTTPByte.space)
        append(months, month - 1, &bytes)
        bytes.append(HTTPByte.space)
        append(year, width: 4, &bytes)
        bytes.append(HTTPByte.space)
        append(second / 3600, width: 2, &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(second / 60 % 60, width: 2, &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(second % 60, width: 2, &bytes)
        bytes += " GMT".utf8
        return bytes
    }

    /// Year, month and day of a day number. Counts in years that begin in March, so that the leap day comes last, and
    /// in eras of 400 years, in which the calendar repeats.
    private static func civil(_ daysSince1970: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = daysSince1970 + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func append(_ names: StaticString, _ index: Int, _ bytes: inout [UInt8]) {
        for offset in 0..<3 { bytes.append(names.utf8Start[index * 3 + offset]) }
    }

    private static func append(_ value: Int, width: Int, _ bytes: inout [UInt8]) {
        var divisor = width == 4 ? 1000 : 10
        while divisor > 0 {
            bytes.append(UInt8(value / divisor % 10) + 0x30)
            divisor /= 10
        }
    }
}

/// The date of the current second, made once a second.
package struct HTTPDateCache {
    private var second = -1
    private var cached: [UInt8] = []

    package init() {}

    package mutating func bytes(secondsSince1970: Int) -> [UInt8] {
        if secondsSince1970 != second {
            second = secondsSince1970
            cached = HTTPDate.bytes(secondsSince1970: secondsSince1970)
        }
        return cached
    }
}
