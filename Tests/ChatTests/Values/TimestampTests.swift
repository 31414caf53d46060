import Chat
import Testing

@Suite("Timestamp")
struct TimestampTests {
    @Test(
        "known instants",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (999, "1970-01-01T00:00:00.000Z"), (1_000, "1970-01-01T00:00:00.001Z"),
            (1_700_000_000_123_456, "2023-11-14T22:13:20.123Z"), (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000_000, "2000-03-01T00:00:00.000Z"), (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
            (4_107_456_000_000_000, "2100-02-28T00:00:00.000Z"), (1_709_251_199_999_999, "2024-02-29T23:59:59.999Z"),
            (1_735_689_599_000_000, "2024-12-31T23:59:59.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (-1_000_000, "1969-12-31T23:59:59.000Z"), (-86_400_000_000, "1969-12-31T00:00:00.000Z"),
            (-2_203_891_200_000_000, "1900-03-01T00:00:00.000Z"), (-2_203_977_600_000_000, "1900-02-28T00:00:00.000Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00.000Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00.000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func known(microseconds: Int64, text: String) {
        #expect(Timestamp.rfc3339(microseconds: microseconds) == text)
    }

    @Test("what RFC 3339 can't write becomes the nearest that it can; infinity among it")
    func bounds() {
        #expect(Timestamp.rfc3339(microseconds: .min) == "0000-01-01T00:00:00.000Z")
        #expect(Timestamp.rfc3339(microseconds: .max) == "9999-12-31T23:59:59.999Z")
        #expect(Timestamp.rfc3339(microseconds: 253_402_300_800_000_000) == "9999-12-31T23:59:59.999Z")
    }

    @Test("day follows day through 800 years")
    func days() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var (year, month, day) = (1_600, 1, 1)
        var microseconds: Int64 = -11_676_096_000_000_000
        func pad(_ value: Int, _ width: Int) -> String {
            String(repeating: "0", count: width - String(value).count) + String(value)
        }
        while year < 2_400 {
            let text = Timestamp.rfc3339(microseconds: microseconds)
            #expect(text.prefix(10) == "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))")
            microseconds += 86_400_000_000
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            day += 1
            if day > lengths[month - 1] + (month == 2 && isLeap ? 1 : 0) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }
}
