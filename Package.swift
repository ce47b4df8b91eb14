// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// One settings array for every Swift target. Warnings are errors in CI only, so that a newer compiler's new
/// warning never keeps a user from building.
let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ] + (ProcessInfo.processInfo.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: settings)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioExtras: Target.Dependency = .product(name: "NIOExtras", package: "swift-nio-extras")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "diffd",
    products: [
        .executable(name: "diffd", targets: ["diffd"]),
        .executable(name: "diffd-worker", targets: ["diffd-worker"]),
        .executable(name: "diffctl", targets: ["diffctl"]),
        // What Benchmarks/ measures.
        .library(
            name: "DiffdEngine",
            targets: [
                "Problems", "StrictJSON", "DurableFiles", "Safetensors", "Configurations", "TensorCore", "NeuralNet",
                "Diffusion", "Models", "Checkpoints", "Sampling", "Media",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        // C: library shims and SIMD kernels.
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCairo", pkgConfig: "cairo-ft", providers: [.apt(["libcairo2-dev"])]),
        .target(name: "CPNG", linkerSettings: [.linkedLibrary("png")]),
        .target(name: "CJPEG", linkerSettings: [.linkedLibrary("jpeg")]),
        .target(name: "CGIF", linkerSettings: [.linkedLibrary("gif")]),
        .target(name: "CWebP", linkerSettings: [.linkedLibrary("webpdemux"), .linkedLibrary("webp")]),
        .target(name: "CTIFF", linkerSettings: [.linkedLibrary("tiff")]),
        .target(name: "CLCMS", linkerSettings: [.linkedLibrary("lcms2")]),
        .target(name: "CChild"),
        .target(name: "CLandlock"),
        .target(
            name: "CTextTables", exclude: ["LICENSES.md", "canonical_decompositions.txt", "clip_merges.txt"]),
        .target(
            name: "CKernels",
            cSettings: [.unsafeFlags(["-O3", "-gdwarf-4", "-mprefer-vector-width=512", "-Wall", "-Wextra"])],
            linkerSettings: [.linkedLibrary("m")]),

        // Both columns.
        library("Problems"),
        library("StrictJSON", ["Problems"]),
        library("DurableFiles", ["Problems", "COpenSSL", "CLandlock"]),
        library("Safetensors", ["Problems", "StrictJSON", "DurableFiles"]),
        library("Configurations", ["Problems", "StrictJSON"]),
        library("Text", ["Problems", "StrictJSON", "DurableFiles", "CTextTables"]),

        // Numeric column.
        library("TensorCore", ["Problems", "CKernels", "COpenBLAS"]),
        library(
            "Media",
            ["Problems", "DurableFiles", "CPNG", "CJPEG", "CGIF", "CWebP", "CTIFF", "CLCMS", "CCairo", "CChild"]),
        library("NeuralNet", ["Configurations", "TensorCore"]),
        library("Diffusion", ["Problems", "Configurations", "TensorCore"]),
        library("Models", ["Configurations", "TensorCore", "NeuralNet"]),
        library(
            "Checkpoints",
            [
                "Problems", "StrictJSON", "Configurations", "DurableFiles", "Safetensors", "TensorCore", "NeuralNet",
                "Diffusion", "Models", "Text",
            ]),
        library(
            "Datasets",
            [
                "Problems", "StrictJSON", "DurableFiles", "Safetensors", "Configurations", "TensorCore", "Media",
                "Models",
                "CZlib",
            ]),
        library(
            "Training",
            ["Problems", "Configurations", "TensorCore", "NeuralNet", "Diffusion", "Models", "Checkpoints", "Datasets"]),
        library("Sampling", ["Problems", "TensorCore", "NeuralNet", "Diffusion", "Models"]),
        library("Evaluation", ["Problems", "TensorCore", "NeuralNet", "Media", "Diffusion", "Models", "Datasets"]),

        // Control column.
        library("JobSpec", ["Problems", "StrictJSON", "Configurations"]),
        library("Spool", ["Problems", "StrictJSON", "DurableFiles", "Configurations", "JobSpec"]),
        library("ControlAPI", ["Problems", "StrictJSON", "JobSpec"]),
        library("JobQueue", ["Problems", "StrictJSON", "DurableFiles", "JobSpec", grdb]),
        library(
            "Scheduler",
            [
                "Problems", "StrictJSON", "DurableFiles", "JobSpec", "Spool", "ControlAPI", "JobQueue", logging,
                serviceLifecycle,
                subprocess, systemPackage,
            ]),
        library(
            "Doctor", ["Problems", "StrictJSON", "DurableFiles", "Safetensors", "JobSpec", "Spool", "JobQueue"]),
        library(
            "ControlServer",
            [
                "Problems", "StrictJSON", "JobSpec", "ControlAPI", httpTypes, hummingbird, hummingbirdCore, logging,
                nioCore,
                nioExtras, nioHTTPTypes, nioPosix, serviceLifecycle,
            ]),
        library("Manuals", ["Problems", "StrictJSON", "JobSpec", "Service"]),
        library("Service", ["CSystemd", "Problems", logging, configuration, systemPackage]),

        // Where the columns join, and the programs.
        library(
            "Execution",
            [
                "Problems", "StrictJSON", "Configurations", "DurableFiles", "Safetensors", "JobSpec", "Spool",
                "TensorCore", "Media", "NeuralNet", "Diffusion", "Models", "Checkpoints", "Datasets", "Training",
                "Sampling", "Evaluation", "Text",
            ]),
        program("diffd-worker", ["Execution"]),
        program(
            "diffd",
            [
                "Problems", "JobSpec", "JobQueue", "Spool", "Scheduler", "ControlAPI", "ControlServer", "Service",
                argumentParser,
                logging, serviceLifecycle, unixSignals,
            ]),
        program(
            "diffctl",
            [
                "Problems", "StrictJSON", "DurableFiles", "Configurations", "JobSpec", "Spool", "Service", "ControlAPI",
                "Doctor",
                argumentParser,
            ]),
        program("diffd-demo", ["Problems", "StrictJSON", "DurableFiles", "Media", "Datasets", argumentParser]),

        // Tests mirror the targets.
        .target(
            name: "TestSupport", dependencies: ["Problems", "StrictJSON", "DurableFiles", "Safetensors"],
            path: "Tests/TestSupport", swiftSettings: settings),
        .target(
            name: "NumericTestSupport", dependencies: ["TestSupport", "TensorCore", "NeuralNet"],
            path: "Tests/NumericTestSupport", swiftSettings: settings),
        tests("StrictJSONTests", ["Problems", "StrictJSON"]),
        tests("MediaTests", ["Problems", "Media"]),
        tests(
            "ModelsTests",
            [
                "NumericTestSupport", "Problems", "StrictJSON", "Configurations", "TensorCore", "NeuralNet", "Models",
            ]),
        tests("JobQueueTests", ["Problems", "JobSpec", "JobQueue", grdb]),
        tests("DurableFilesTests", ["Problems", "DurableFiles"]),
        tests("TextTests", ["Problems", "StrictJSON", "DurableFiles", "Text"]),
        tests("SafetensorsTests", ["Problems", "StrictJSON", "DurableFiles", "Safetensors"]),
        tests("DiffusionTests", ["Problems", "StrictJSON", "Configurations", "TensorCore", "Diffusion"]),
        tests("TensorCoreTests", ["NumericTestSupport", "Problems", "StrictJSON", "TensorCore"]),
        tests(
            "NeuralNetTests",
            [
                "NumericTestSupport", "StrictJSON", "Configurations", "TensorCore", "NeuralNet", "Diffusion", "Models",
            ]),
        tests("ConfigurationsTests", ["Problems", "StrictJSON", "Configurations"]),
        tests("JobSpecTests", ["Problems", "StrictJSON", "Configurations", "JobSpec"]),
        tests("CKernelsTests", ["CKernels"]),
        tests(
            "DatasetsTests",
            ["Problems", "DurableFiles", "Configurations", "TensorCore", "Media", "Models", "Datasets", "CZlib"]),
        .target(
            name: "ControlTestSupport",
            dependencies: [
                "TestSupport", "ControlAPI", "ControlServer", "JobSpec", "Problems", logging, serviceLifecycle,
            ],
            path: "Tests/ControlTestSupport", swiftSettings: settings),
        tests("ControlAPITests", ["ControlAPI", "JobSpec", "Problems", "StrictJSON"]),
        tests(
            "ControlServerTests",
            [
                "ControlTestSupport", "ControlAPI", "ControlServer", "JobSpec", "Problems", "StrictJSON", httpTypes,
                hummingbird, logging, nioCore, nioEmbedded,
            ]),
        tests(
            "DiffctlTests",
            [
                "ControlTestSupport", "diffctl", "ControlAPI", "DurableFiles", "JobSpec", "Spool", "Problems",
                "StrictJSON",
                argumentParser,
            ]),
        tests("SpoolTests", ["Problems", "StrictJSON", "DurableFiles", "JobSpec", "Spool"]),
        tests(
            "SchedulerTests",
            [
                "Problems", "DurableFiles", "JobSpec", "JobQueue", "Spool", "ControlAPI", "Scheduler", grdb,
                logging, serviceLifecycle,
            ]),
        tests("ServiceTests", ["Problems", "Service", logging]),
        tests(
            "CheckpointsTests",
            [
                "NumericTestSupport", "Problems", "StrictJSON", "Configurations", "DurableFiles", "Safetensors",
                "TensorCore",
                "NeuralNet", "Diffusion", "Models", "Text", "Checkpoints", "Sampling",
            ]),
        tests(
            "SamplingTests",
            [
                "NumericTestSupport", "Problems", "StrictJSON", "Configurations", "DurableFiles", "TensorCore",
                "NeuralNet",
                "Diffusion",
                "Models", "Checkpoints", "Sampling",
            ]),
        tests(
            "TrainingTests",
            [
                "NumericTestSupport", "Problems", "StrictJSON", "Configurations", "DurableFiles", "Safetensors", "Text",
                "TensorCore", "NeuralNet", "Diffusion", "Models", "Checkpoints", "Datasets", "Training", "Sampling",
            ]),
        .target(
            name: "ProgramTestSupport", dependencies: ["Problems", "DurableFiles", "TestSupport"],
            path: "Tests/ProgramTestSupport",
            swiftSettings: settings),
        tests(
            "ExecutionTests",
            [
                "ProgramTestSupport", "diffd-worker", "Problems", "StrictJSON", "DurableFiles", "Safetensors",
                "JobSpec", "Media",
            ]),
        tests(
            "EndToEndTests",
            [
                "ProgramTestSupport", "diffd", "diffd-worker", "diffctl", "Problems", "StrictJSON", "DurableFiles",
                "JobSpec", "Spool", "ControlAPI", "Datasets", "Media",
            ]),
        tests(
            "DoctorTests",
            ["Problems", "StrictJSON", "DurableFiles", "Safetensors", "JobSpec", "Spool", "JobQueue", "Doctor"]),
        tests(
            "ManualsTests",
            ["Problems", "StrictJSON", "JobSpec", "Service", "Manuals", "diffd", "diffctl", argumentParser]),
        tests(
            "FuzzTests",
            [
                "ControlTestSupport", "Problems", "StrictJSON", "DurableFiles", "Configurations", "Safetensors",
                "JobSpec", "JobQueue", "Spool", "TensorCore", "NeuralNet", "Models", "Checkpoints",
                "Media", "Datasets", "ControlAPI", "Text", grdb,
            ]),
        tests(
            "EvaluationTests",
            [
                "Problems", "StrictJSON", "DurableFiles", "Configurations", "TensorCore", "NeuralNet", "Media",
                "Diffusion", "Models", "Datasets", "Evaluation",
            ]),
        tests("ArchitectureTests", []),
    ]
)
