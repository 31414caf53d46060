/// What both ends agreed on for permessage-deflate (RFC 7692 section 7.1).
package struct DeflateParameters: Equatable, Sendable {
    /// Whether the server forgets its window between messages.
    package var serverNoContextTakeover: Bool
    /// Whether the client forgets its window between messages.
    package var clientNoContextTakeover: Bool
    /// Base-2 logarithm of the window the server compresses with, 9 to 15.
    package var serverMaxWindowBits: Int
    /// Base-2 logarithm of the window the client compresses with, 8 to 15.
    package var clientMaxWindowBits: Int
    /// Whether the peer's offer has a server_max_window_bits, which the answer then must have too, whatever its value
    /// (RFC 7692 section 7.1.2.1).
    package var echoesServerMaxWindowBits: Bool
    /// The share of a budget that the windows which live on have been given; the budget has it back when this goes.
    package var memory: DeflateBudget.Share?

    package init(
        serverNoContextTakeover: Bool = true, clientNoContextTakeover: Bool = true, serverMaxWindowBits: Int = 15,
        clientMaxWindowBits: Int = 15, echoesServerMaxWindowBits: Bool = false
    ) {
        self.serverNoContextTakeover = serverNoContextTakeover
        self.clientNoContextTakeover = clientNoContextTakeover
        self.serverMaxWindowBits = serverMaxWindowBits
        self.clientMaxWindowBits = clientMaxWindowBits
        self.echoesServerMaxWindowBits = echoesServerMaxWindowBits
    }

    package static let extensionName = "permessage-deflate"

    /// What is agreed on with the peer: whose memory it takes is no part of that.
    package static func == (one: Self, other: Self) -> Bool {
        one.serverNoContextTakeover == other.serverNoContextTakeover
            && one.clientNoContextTakeover == other.clientNoContextTakeover
            && one.serverMaxWindowBits == other.serverMaxWindowBits
            && one.clientMaxWindowBits == other.clientMaxWindowBits
    }

    /// Whether a window lives on between messages on either side.
    package var takesOver: Bool { !serverNoContextTakeover || !clientNoContextTakeover }

    /// The Sec-WebSocket-Extensions value with which a server accepts, or a client asks for, just this.
    package var headerValue: String {
        var value = Self.extensionName
        if serverNoContextTakeover { value += "; server_no_context_takeover" }
        if clientNoContextTakeover { value += "; client_no_context_takeover" }
        if serverMaxWindowBits < 15 || echoesServerMaxWindowBits {
            value += "; server_max_window_bits=\(serverMaxWindowBits)"
        }
        if clientMaxWindowBits < 15 { value += "; client_max_window_bits=\(clientMaxWindowBits)" }
        return value
    }
}

/// What this end wants of permessage-deflate.
///
/// Without context takeover, the default, a connection keeps no window, so that one codec serves a whole loop and a
/// compressed connection costs what a plain one does. With it a connection owns its windows, `DeflateCodec.memory` of
/// them, as long as a budget lasts: connections after that are compressed without takeover.
///
/// A client may be told to do without its window (section 7.1.1.2), but not all listen: Safari goes on with it. Those
/// that can do without say so, with client_no_context_takeover or client_max_window_bits in their offer. Any other
/// keeps its window, of the same budget; when that is used up, such a client is not compressed.
package struct DeflatePolicy: Equatable, Sendable {
    /// Whether this server may keep its window between messages when the client lets it.
    package var serverContextTakeover: Bool
    /// Whether clients may keep theirs, which costs this server a window for each.
    package var clientContextTakeover: Bool
    /// The largest window either side compresses with, 9 to 15; a client's only as far as its offer lets us ask.
    package var maxWindowBits: Int
    /// What windows that live on may take together. Nil: no bound.
    package var budget: DeflateBudget?

    package init(
        serverContextTakeover: Bool = false, clientContextTakeover: Bool = false, maxWindowBits: Int = 15,
        budget: DeflateBudget? = nil
    ) {
        self.serverContextTakeover = serverContextTakeover
        self.clientContextTakeover = clientContextTakeover
        self.maxWindowBits = min(15, max(9, maxWindowBits))
        self.budget = budget
    }

    package static func == (one: Self, other: Self) -> Bool {
        one.serverContextTakeover == other.serverContextTakeover
            && one.clientContextTakeover == other.clientContextTakeover && one.maxWindowBits == other.maxWindowBits
            && one.budget === other.budget
    }

    /// The first offer a server can accept (RFC 7692 section 7.1), or nil: then the connection is not compressed.
    /// Offers with unknown, repeated or invalid parameters are declined, as section 5.1 says.
    package func accept(_ offers: [ExtensionOffer]) -> DeflateParameters? {
        for offer in offers where offer.name.lowercased() == DeflateParameters.extensionName {
            if let accepted = accept(offer) { return accepted }
        }
        return nil
    }

    private func accept(_ offer: ExtensionOffer) -> DeflateParameters? {
        guard let asked = AskedParameters(offer, valuelessClientBits: true) else { return nil }
        // zlib makes no raw stream with a window of 256 bytes.
        if let bits = asked.serverMaxWindowBits, bits < 9 { return nil }
        let canDoWithout = asked.clientNoContextTakeover || asked.namesClientMaxWindowBits
        var accepted = DeflateParameters(
            serverNoContextTakeover: asked.serverNoContextTakeover || !serverContextTakeover,
            clientNoContextTakeover: asked.clientNoContextTakeover || (!clientContextTakeover && canDoWithout),
            serverMaxWindowBits: min(asked.serverMaxWindowBits ?? 15, maxWindowBits),
            echoesServerMaxWindowBits: asked.serverMaxWindowBits != nil)
        // Without takeover the client's window is inflated by one of 15 bits that all share: no reason to ask for less.
        if !accepted.clientNoContextTakeover, asked.namesClientMaxWindowBits {
            accepted.clientMaxWindowBits = min(asked.clientMaxWindowBits ?? 15, maxWindowBits)
        }
        guard accepted.takesOver, let budget else { return accepted }
        accepted.memory = budget.take(DeflateCodec.memory(for: accepted))
        if accepted.memory != nil { return accepted }
        accepted.serverNoContextTakeover = true
        if canDoWithout {
            accepted.clientNoContextTakeover = true
            accepted.clientMaxWindowBits = 15
        } else {
            // There may still be room for the one window that can't be declined.
            accepted.memory = budget.take(DeflateCodec.memory(for: accepted))
            if accepted.memory == nil { return nil }
        }
        return accepted
    }

    /// Checks a server's answer to an offer made with `offered.headerValue`.
    ///
    /// - Returns: what was agreed, or nil when the answer breaks section 7.1 or asks for what was not offered: the
    ///   client must fail the connection then.
    package static func confirm(_ answer: ExtensionOffer, offered: DeflateParameters) -> DeflateParameters? {
        guard answer.name.lowercased() == DeflateParameters.extensionName,
            let asked = AskedParameters(answer, valuelessClientBits: false)
        else { return nil }
        if offered.serverNoContextTakeover, !asked.serverNoContextTakeover { return nil }
        let serverBits = asked.serverMaxWindowBits ?? 15
        guard serverBits <= offered.serverMaxWindowBits else { return nil }
        // An answer may set the client's window only if the offer spoke of it, which 15 does not.
        if asked.clientMaxWindowBits != nil, offered.clientMaxWindowBits == 15 { return nil }
        let clientBits = min(asked.clientMaxWindowBits ?? 15, offered.clientMaxWindowBits)
        guard clientBits >= 9 else { return nil }
        return DeflateParameters(
            serverNoContextTakeover: asked.serverNoContextTakeover,
            clientNoContextTakeover: asked.clientNoContextTakeover || offered.clientNoContextTakeover,
            serverMaxWindowBits: serverBits, clientMaxWindowBits: clientBits)
    }
}

/// The parameters of one permessage-deflate element, each at most once and of the right form.
private struct AskedParameters {
    var serverNoContextTakeover = false
    var clientNoContextTakeover = false
    var serverMaxWindowBits: Int?
    var clientMaxWindowBits: Int?
    /// Whether the client can be told a window, with or without one of its own in the offer.
    var namesClientMaxWindowBits = false

    /// - Parameter valuelessClientBits: an offer may name client_max_window_bits without a value; an answer may not.
    init?(_ element: ExtensionOffer, valuelessClientBits: Bool) {
        var seen: Set<String> = []
        for parameter in element.parameters {
            let name = parameter.name.lowercased()
            guard seen.insert(name).inserted else { return nil }
            switch (name, parameter.value) {
            case ("server_no_context_takeover", nil): serverNoContextTakeover = true
            case ("client_no_context_takeover", nil): clientNoContextTakeover = true
            case ("server_max_window_bits", let value?):
                guard let bits = Self.windowBits(value) else { return nil }
                serverMaxWindowBits = bits
            case ("client_max_window_bits", let value?):
                guard let bits = Self.windowBits(value) else { return nil }
                clientMaxWindowBits = bits
                namesClientMaxWindowBits = true
            case ("client_max_window_bits", nil):
                guard valuelessClientBits else { return nil }
                namesClientMaxWindowBits = true
            default: return nil
            }
        }
    }

    /// A decimal from 8 to 15 without leading zeros.
    private static func windowBits(_ text: String) -> Int? {
        guard let bits = Int(text), (8...15).contains(bits), String(bits) == text else { return nil }
        return bits
    }
}
