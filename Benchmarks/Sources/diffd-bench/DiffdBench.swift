internal import ArgumentParser

/// Times diffd's engine: beside PyTorch, op by op, and as sizes grow; and measures how near tiles come to the whole.
@main
struct DiffdBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diffd-bench", abstract: "Times diffd's engine.",
        subcommands: [Compare.self, Ops.self, Scaling.self, Tiles.self, Check.self, Measure.self],
        defaultSubcommand: Compare.self)
}

/// What every verb can be told.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Threads of either program.", valueName: "count"))
    var threads = 2

    @Option(help: ArgumentHelp("Where cases.json, Models/ and Python/ are.", valueName: "directory"))
    var benchmarks = "Benchmarks"

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads takes 1 to 256") }
    }
}

/// A verb that times one case in this process.
struct CaseArguments: ParsableArguments {
    @Argument(help: "The case's name.")
    var name: String

    @Argument(help: "Where `reference.py prepare` has put weights and inputs.")
    var directory: String
}

/// Compares what diffd computes for one case with what PyTorch has computed; prints one JSON line.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(shouldDisplay: false)
    @OptionGroup var common: CommonOptions
    @OptionGroup var arguments: CaseArguments

    func run() throws {
        ProductKernels.select()
        let workload = try common.workload(arguments)
        try Report.printLine(CheckResult(errors: workload.errors(in: arguments.directory)))
    }
}

/// Times one case; prints one JSON line.
struct Measure: ParsableCommand {
    static let configuration = CommandConfiguration(shouldDisplay: false)
    @OptionGroup var common: CommonOptions
    @OptionGroup var arguments: CaseArguments

    func run() throws {
        ProductKernels.select()
        let workload = try common.workload(arguments)
        try Report.printLine(workload.measure())
    }
}

extension CommonOptions {
    fileprivate func workload(_ arguments: CaseArguments) throws -> any Workload {
        try Catalogue(benchmarks).case(named: arguments.name).workload(
            weights: "\(arguments.directory)/weights", threads: threads)
    }
}
