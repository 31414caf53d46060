package import Configuration
import Logging

/// One setting: how it is named, what it may be, and what it is where nobody says. The reading, the list that the command
/// shows and the tests of the documentation are made from these.
package struct Setting: Sendable {
    package enum Kind: Sendable {
        case text, boolean
        case integer(ClosedRange<Int>)
        /// `30d`, `12h`, `never`
        case age
        /// Values separated by commas.
        case list
    }

    package enum Default: Sendable, Equatable {
        /// It is not set.
        case none
        case value(String)
        /// It depends on the machine or is too long to be shown; in words.
        case found(String)
    }

    /// `http.port`: in a file `http: {port: …}`.
    package let key: String
    package let kind: Kind
    package let standard: Default
    /// It is shown to nobody.
    package let isSecret: Bool
    /// A line for the operator.
    package let about: String

    init(_ key: String, _ kind: Kind, _ standard: Default, isSecret: Bool = false, _ about: String) {
        self.key = key
        self.kind = kind
        self.standard = standard
        self.isSecret = isSecret
        self.about = about
    }

    /// `HTTP_PORT`
    package var name: String { Self.name(key) }

    static func name(_ key: String) -> String {
        key.uppercased().replacing(".", with: "_")
    }

    /// The value that a source has, as text: a number in a file and a string in the environment are the same setting. An
    /// empty one is none.
    package func text(in reader: ConfigReader) -> String? {
        let key = ConfigKey(key.split(separator: ".").map(String.init))
        var text = reader.string(forKey: key, isSecret: isSecret)
        if text == nil, let value = reader.int(forKey: key, isSecret: isSecret) { text = String(value) }
        if text == nil, let value = reader.bool(forKey: key, isSecret: isSecret) { text = String(value) }
        if text == nil, let values = reader.stringArray(forKey: key, isSecret: isSecret) {
            text = values.joined(separator: ",")
        }
        return text?.isEmpty == true ? nil : text
    }

    // MARK: What is none

    /// What is wrong with a key of a file that no setting has; nil where one has it.
    package static func problem(withKey key: String, of file: String) -> String? {
        guard declared(key) == nil else { return nil }
        let plain = key.uppercased().replacing("-", with: "_").replacing(".", with: "_")
        let near = NearestName.find(plain, among: all.map(\.name), within: max(2, plain.count / 4))
        let hint = near.flatMap { name in all.first { $0.name == name } }.map { ": \($0.key) is" } ?? ""
        return "\(file): no setting is named \(key)\(hint) (parley config list)"
    }

    /// What is to be said of a setting's value that has quotation marks or white space around it: a file of `NAME="value"` lines
    /// that was read by what takes lines as they are (`docker --env-file`), or a secret made of a file with its last newline.
    package static func suspicion(ofValue value: String, of name: String) -> String? {
        guard let first = value.utf8.first, let last = value.utf8.last, all.contains(where: { $0.name == name }) else {
            return nil
        }
        let isQuoted = value.utf8.count > 1 && first == last && (first == 0x22 || first == 0x27)
        guard isQuoted || first <= 0x20 || last <= 0x20 else { return nil }
        return "\(name) has \(isQuoted ? "quotation marks" : "white space") around it, which the value then has too"
    }

    /// What is to be said of a variable of the environment that is one slip away from a setting's name, or is one
    /// behind `PARLEY_`, as other programs name theirs; nil for all else, which are somebody else's.
    package static func suspicion(ofVariable name: String) -> String? {
        let names = all.map(\.name)
        guard !names.contains(name) else { return nil }
        let plain = name.trimmingPrefix("PARLEY_")
        guard
            let near = names.first(where: { $0 == plain }) ?? NearestName.find(name, among: names, within: 1)
        else { return nil }
        return "\(name) in the environment is no setting: is \(near) meant?"
    }
}
