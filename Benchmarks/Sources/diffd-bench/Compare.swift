internal import ArgumentParser
internal import Foundation
internal import Problems
internal import StrictJSON

/// Runs cases of cases.json in diffd and in PyTorch by turns, each run in a process of its own.
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Time diffd and PyTorch by turns and print the ratios.")
    @OptionGroup var common: CommonOptions

    @Option(name: .customLong("case"), help: ArgumentHelp("Run this case only; may be repeated.", valueName: "name"))
    var cases: [String] = []

    @Option(help: ArgumentHelp("How often the two take turns.", valueName: "count"))
    var rounds = 3

    @Option(help: ArgumentHelp("A Python that can import torch and diffusers.", valueName: "path"))
    var python = "python3"

    func validate() throws {
        guard rounds >= 1 else { throw ValidationError("--rounds takes at least 1") }
    }

    func run() throws {
        let catalogue = try Catalogue(common.benchmarks)
        let chosen = try cases.isEmpty ? catalogue.cases : cases.map { try catalogue.case(named: $0).case }
        let machine = Machine(threads: common.threads)
        Report.say(machine.description)
        var results: [ComparisonResult] = []
        for chosenCase in chosen {
            let result = try compare(chosenCase)
            results.append(result)
            Report.say("\(result.line)\n")
        }
        Report.say(ComparisonResult.table(results))
        try Report.save(ComparisonReport(machine: machine, cases: results), as: "compare", in: common.benchmarks)
        if results.contains(where: { !$0.check.agrees }) { throw ExitCode.failure }
    }

    private func compare(_ chosen: Case) throws -> ComparisonResult {
        Report.say("\(chosen.name): \(chosen.about)")
        let directory = FileManager.default.temporaryDirectory.appending(path: "diffd-bench-\(UUID().uuidString)")
        // What is left behind lies in a temporary directory.
        defer { try? FileManager.default.removeItem(at: directory) }
        let ours = try Program(Self.ownPath, before: [], common)
        let theirs = try Program(python, before: ["\(common.benchmarks)/Python/reference.py"], common, inherits: false)
        try theirs.run("prepare", chosen.name, directory.path())
        let check: CheckResult = try ours.answer("check", chosen.name, directory.path())
        var result = ComparisonResult(name: chosen.name, about: chosen.about, target: chosen.target, check: check)
        // No ratio between things that differ.
        guard check.agrees else { return result }
        for round in 1...rounds {
            let own: MeasureResult = try ours.answer("measure", chosen.name, directory.path())
            let other: MeasureResult = try theirs.answer("measure", chosen.name, directory.path())
            Report.say("  round \(round): diffd \(own.description), PyTorch \(other.description)")
            result.ours.append(own)
            result.theirs.append(other)
        }
        return result
    }

    private static var ownPath: String { ProcessInfo.processInfo.arguments[0] }
}

/// A program that is told a verb, a case and a directory, and answers with a line of JSON.
struct Program {
    private let path: String
    private let before: [String]
    private let after: [String]

    /// - Parameter inherits: whether it is told where the benchmarks are.
    init(_ path: String, before: [String], _ common: CommonOptions, inherits: Bool = true) throws {
        self.path = path
        self.before = before
        after = ["--threads", "\(common.threads)"] + (inherits ? ["--benchmarks", common.benchmarks] : [])
    }

    /// - Throws: a `Problem` when it cannot be started or fails.
    @discardableResult
    func run(_ arguments: String...) throws -> [UInt8] { try run(arguments) }

    func answer<Value: Decodable>(_ arguments: String...) throws -> Value { try JSONText.decode(from: run(arguments)) }

    private func run(_ arguments: [String]) throws -> [UInt8] {
        let process = Process()
        // `env` finds a name in the search path and takes a path as it is.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [path] + before + arguments + after
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Problem(
                .crashed,
                "\(([path] + before + arguments).joined(separator: " ")) ended with \(process.terminationStatus)",
                remedy: "Its messages stand above; PYTHON names a Python that has torch, diffusers and safetensors.")
        }
        return Array(bytes)
    }
}
