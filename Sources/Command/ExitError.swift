/// An end with one line and a status of sysexits(3).
package struct ExitError: Error {
    package enum Status: Int32 {
        case usage = 64
        case unavailable = 69
        case software = 70
        case configuration = 78
    }

    package var status: Status
    package var message: String

    package init(_ status: Status, _ message: String) {
        self.status = status
        // Whatever a library has put into it, the operator gets one line.
        self.message = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
