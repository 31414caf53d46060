// swift-tools-version: 6.2
import PackageDescription

/// The same rules for every target of ours: Swift 6 mode, explicit existentials, imports that do not leak,
/// and no warning left standing.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// What `parley --version` says that it was built from; whoever builds for others sets it (deploy/run does).
let commit = (Context.environment["PARLEY_COMMIT"] ?? "").filter {
    $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-")
}

let package = Package(
    name: "parley",
    products: [
        .executable(name: "parley", targets: ["parley"]),
        .executable(name: "parley-bench", targets: ["parley-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["JSON", "YAML"]),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/jpsim/Yams", "5.4.0"..<"7.0.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .target(name: "CStart"),
        .target(name: "CBuild", cSettings: [.define("PARLEY_COMMIT", to: "\"\(commit)\"")]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CNats", pkgConfig: "libnats", providers: [.apt(["libnats-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "Strings", swiftSettings: settings),
        .target(name: "JSON", dependencies: ["Strings"], swiftSettings: settings),
        .target(name: "Tracing", dependencies: ["JSON"], swiftSettings: settings),
        .target(name: "EventLoop", dependencies: ["CLinux", "COpenSSL"], swiftSettings: settings),
        .target(
            name: "HTTP",
            dependencies: [
                "CZlib", "EventLoop", "Strings", "Tracing", .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .target(
            name: "WebSocket",
            dependencies: ["EventLoop", "Strings", "CZlib", "COpenSSL"],
            swiftSettings: settings),
        .target(
            name: "Postgres",
            dependencies: [
                "EventLoop", "CLibPQ",
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: settings),
        .target(name: "Cluster", dependencies: ["CNats", "EventLoop"], swiftSettings: settings),
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
        .target(name: "TodoAssistant", dependencies: ["Chat", "JSON"], swiftSettings: settings),
        .target(
            name: "Store",
            dependencies: [
                "Chat", "EventLoop", "JSON", "Postgres", "Strings", "COpenSSL",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "Gateway",
            dependencies: [
                "Cluster", "EventLoop", "HTTP", "WebSocket", "Postgres", "Chat", "Agents", "TodoAssistant", "Store",
                "JSON", "Strings", "Tracing", "COpenSSL",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings),
        .target(
            name: "Command",
            dependencies: [
                "CStart", "Gateway",
                .product(name: "Yams", package: "Yams"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "parley",
            dependencies: [
                "CBuild", "CLibPQ", "COpenSSL", "CZlib", "Command", "EventLoop", "Gateway", "HTTP", "JSON",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "parley-bench",
            dependencies: [
                "Chat", "Command", "EventLoop", "Gateway", "JSON", "Postgres", "Store", "WebSocket",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(name: "ClusterTests", dependencies: ["Cluster", "EventLoop"], swiftSettings: settings),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: settings),
        .testTarget(name: "StringsTests", dependencies: ["Strings"], swiftSettings: settings),
        .testTarget(name: "EventLoopTests", dependencies: ["EventLoop"], swiftSettings: settings),
        .testTarget(
            name: "HTTPTests",
            dependencies: ["HTTP", "EventLoop", .product(name: "HTTPTypes", package: "swift-http-types")],
            swiftSettings: settings),
        .testTarget(name: "WebSocketTests", dependencies: ["WebSocket", "EventLoop"], swiftSettings: settings),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Agents", "Cluster", "HTTP", "JSON", "WebSocket",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            path: "Tests/Fuzz/Targets", swiftSettings: settings),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets"], swiftSettings: settings),
        .testTarget(name: "PostgresTests", dependencies: ["Postgres", "EventLoop"], swiftSettings: settings),
        .testTarget(name: "ChatTests", dependencies: ["Chat", "JSON", "Strings"], swiftSettings: settings),
        .testTarget(
            name: "AgentsTests", dependencies: ["Agents", "Chat", "EventLoop", "HTTP", "JSON", "Strings", "Tracing"],
            swiftSettings: settings),
        .testTarget(
            name: "TodoAssistantTests", dependencies: ["TodoAssistant", "Agents", "Chat", "EventLoop", "JSON"],
            swiftSettings: settings),
        .target(
            name: "StoreContract", dependencies: ["Chat", "JSON"], path: "Tests/StoreContract", swiftSettings: settings),
        .testTarget(
            name: "StoreTests",
            dependencies: [
                "Store", "StoreContract", "Chat", "EventLoop", "JSON", "Postgres",
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "Chat", "JSON", "Store", "StoreContract", "Strings",
                .product(name: "HeapModule", package: "swift-collections"),
            ], swiftSettings: settings),
        .testTarget(name: "TerminalTests", dependencies: ["parley", "JSON"], swiftSettings: settings),
        .testTarget(name: "LoadTests", dependencies: ["parley-bench"], swiftSettings: settings),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Cluster", "Gateway", "Chat", "JSON", "Strings", "Tracing",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
