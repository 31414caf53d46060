import EventLoop
import Glibc

/// By what a file is known to be unchanged.
struct StaticFileStamp: Sendable, Equatable {
    let device: UInt64
    let inode: UInt64
    let size: Int
    let seconds: Int
    let nanoseconds: Int

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}

/// A directory below which files are opened. Its calls block.
struct StaticFileRoot: Sendable {
    enum Outcome {
        case read([UInt8], StaticFileStamp)
        case unchanged
        case none
    }

    /// Resolved, without a slash at the end.
    private let path: String

    /// - Throws: when there is no such directory.
    init(_ directory: String) throws(SystemError) {
        guard let resolved = realpath(directory, nil) else { throw SystemError("realpath \(directory)") }
        defer { free(resolved) }
        var status = stat()
        guard stat(resolved, &status) == 0 else { throw SystemError("stat \(directory)") }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw SystemError("open \(directory)", code: ENOTDIR) }
        let path = String(cString: resolved)
        self.path = path == "/" ? "" : path
    }

    /// Reads the file at a path made by `StaticFilePath.relative`.
    ///
    /// Where symbolic links led is asked of the kernel after the file is open, by its descriptor: a check of the name
    /// before could be true of another file than the one opened.
    func read(_ relative: String, limit: Int, unlessStampIs known: StaticFileStamp?) -> Outcome {
        // Non-blocking, so that a pipe with that name holds nobody up; regular files don't care.
        let descriptor = retrying { open(path + "/" + relative, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
        guard descriptor >= 0 else { return .none }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit,
            isInside(descriptor)
        else { return .none }
        let stamp = StaticFileStamp(status)
        if stamp == known { return .unchanged }
        guard let content = content(descriptor, size: stamp.size) else { return .none }
        return .read(content, stamp)
    }

    private func isInside(_ descriptor: Int32) -> Bool {
        let capacity = Int(PATH_MAX)
        let place = withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer -> String? in
            guard let base = buffer.baseAddress else { return nil }
            let count = readlink("/proc/self/fd/\(descriptor)", base, capacity)
            guard count > 0, count < capacity else { return nil }
            return String(decoding: UnsafeRawBufferPointer(buffer).part(0..<count), as: UTF8.self)
        }
        // By bytes: as Strings, canonically equivalent names would be equal, which for the kernel they are not.
        let prefix = path + "/"
        guard let place, place.utf8.starts(with: prefix.utf8) else { return false }
        return place.utf8.dropFirst(prefix.utf8.count).split(separator: UInt8(ascii: "/"))
            .allSatisfy { $0.first != UInt8(ascii: ".") }
    }

    /// At most `size` bytes: a file that grows meanwhile is read to where it ended.
    private func content(_ descriptor: Int32, size: Int) -> [UInt8]? {
        var failed = false
        let content = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size, let base = buffer.baseAddress {
                let got = retrying { Glibc.read(descriptor, base + count, size - count) }
                if got <= 0 {
                    failed = got < 0
                    return
                }
                count += got
            }
        }
        return failed ? nil : content
    }
}
