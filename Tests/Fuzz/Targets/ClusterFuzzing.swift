import Cluster

enum ClusterFuzzing {
    /// A message of another gateway: what is read is written again as something that is read as the same.
    static func message(_ input: UnsafeRawBufferPointer) {
        let message: LinkMessage
        do throws(WireError) {
            message = try LinkMessage(input)
        } catch {
            return
        }
        let again = message.bytes
        again.withUnsafeBytes { bytes in
            guard bytes.count <= LinkMessage.limit else { return }
            let read = try? LinkMessage(bytes)
            precondition(read == message, "a message is read differently when it is written again")
        }
    }
}
