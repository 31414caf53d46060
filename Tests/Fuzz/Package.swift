// swift-tools-version: 6.2
// The fuzzers, a package of their own: every module of ours in them is compiled with libFuzzer's coverage and the
// address sanitizer. Sources are those of the program, by links. Built and run by deploy/fuzz.
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library", "-package-name", "parley"]),
]

let package = Package(
    name: "fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
        .systemLibrary(name: "CNats", pkgConfig: "libnats"),
        .target(name: "Strings", swiftSettings: settings),
        .target(name: "Tracing", dependencies: ["JSON"], swiftSettings: settings),
        .target(name: "EventLoop", dependencies: ["CLinux", "COpenSSL"], swiftSettings: settings),
        .target(
            name: "HTTP",
            dependencies: [
                "CZlib", "EventLoop", "Strings", "Tracing", .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .target(
            name: "WebSocket", dependencies: ["EventLoop", "Strings", "CZlib", "COpenSSL"],
            swiftSettings: settings),
        .target(name: "Cluster", dependencies: ["CNats", "EventLoop"], swiftSettings: settings),
        .target(name: "JSON", dependencies: ["Strings"], swiftSettings: settings),
        .target(
            name: "Chat",
            dependencies: ["JSON", "Strings", "Tracing", .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: settings),
        .target(
            name: "Agents",
            dependencies: [
                "Chat", "EventLoop", "HTTP", "JSON", "Strings", "Tracing",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Agents", "Cluster", "EventLoop", "HTTP", "JSON", "WebSocket",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "Fuzz", dependencies: ["FuzzTargets"], swiftSettings: settings,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
    ],
    swiftLanguageModes: [.v6]
)
