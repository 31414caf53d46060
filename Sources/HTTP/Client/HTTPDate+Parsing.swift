extension HTTPDate {
    /// Seconds since 1970 of an IMF-fixdate (`Sun, 06 Nov 1994 08:49:37 GMT`), the one form that may be sent today; nil
    /// for anything else. The name of the day is not checked.
    package static func seconds(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 29, bytes[3] == UInt8(ascii: ","), text.hasSuffix(" GMT"),
            let day = number(bytes[5..<7]), let month = month(bytes[8..<11]), let year = number(bytes[12..<16]),
            let hour = number(bytes[17..<19]), let minute = number(bytes[20..<22]), let second = number(bytes[23..<25]),
            [4, 7, 11, 16].allSatisfy({ bytes[$0] == HTTPByte.space }),
            bytes[19] == UInt8(ascii: ":"), bytes[22] == UInt8(ascii: ":"),
            (1...31).contains(day), hour < 24, minute < 60, second <= 60, year >= 1970
        else { return nil }
        // Days before the year and before the month, with the leap day in its place.
        let leaps = (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400
        let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month - 1]
        let days = (year - 1970) * 365 + leaps + before + (isLeap && month > 2 ? 1 : 0) + day - 1
        return days * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var value = 0
        for digit in digits {
            guard HTTPByte.isDigit(digit) else { return nil }
            value = value * 10 + Int(digit &- 0x30)
        }
        return value
    }

    private static func month(_ name: ArraySlice<UInt8>) -> Int? {
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return names.firstIndex { Array($0.utf8) == Array(name) }.map { $0 + 1 }
    }
}
