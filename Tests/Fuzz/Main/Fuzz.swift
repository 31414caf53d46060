import FuzzTargets
import Glibc

/// libFuzzer's loop, as it is called where the program has a main function of its own.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The package manager's name for the main function of this program. Which target is run is said by `FUZZ_TARGET`.
@_cdecl("Fuzz_main")
public func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    guard target != nil else {
        print("FUZZ_TARGET is none of \(FuzzTarget.allCases.map(\.rawValue))")
        return 64
    }
    var count = count
    var arguments = arguments
    return runFuzzer(&count, &arguments) { start, count in
        target?.run(UnsafeRawBufferPointer(start: start, count: count))
        return 0
    }
}

private let target = getenv("FUZZ_TARGET").flatMap { FuzzTarget(rawValue: String(cString: $0)) }
