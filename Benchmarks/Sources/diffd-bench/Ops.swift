internal import ArgumentParser
internal import TensorCore

/// Each operation at the shapes at which the models use it, with what it reaches of this machine's ceilings.
struct Ops: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Time each operation at its real shapes.")
    @OptionGroup var common: CommonOptions

    @Option(help: ArgumentHelp("Only operations whose name contains this.", valueName: "text"))
    var only: String?

    func run() throws {
        ProductKernels.select()
        let device = Device(threads: common.threads)
        let machine = Machine(threads: common.threads)
        Report.say("\(machine.description), \(ProductKernels.description(device))")
        let before = Ceilings.measure(threads: common.threads)
        let rows = OperationCase.all.filter { only.map($0.name.contains) ?? true }.map { $0.measure(on: device) }
        let ceilings = before.better(.measure(threads: common.threads))
        Report.say(ceilings.description)
        Report.say("Rates count a convolution's plain products; one that needs fewer can pass the ceiling.\n")
        Report.say(OperationResult.table(rows, ceilings))
        try Report.save(
            OperationReport(machine: machine, ceilings: ceilings, operations: rows), as: "ops", in: common.benchmarks)
    }
}

/// An operation at one shape.
struct OperationCase {
    /// What limits it.
    enum Work {
        case operations(Double)
        case bytes(Double)
    }

    /// The operation's inputs, and what is computed from them.
    struct Instance {
        var inputs: [Tensor]
        var run: ([Tensor]) -> Tensor
    }

    var name: String
    var shape: String
    var work: Work
    /// Of the backward pass to all inputs; nil when there is none to measure.
    var backwardWork: Work?
    var make: (Device) -> Instance

    func measure(on device: Device) -> OperationResult {
        let instance = make(device)
        let forward = Stopwatch.median { Stopwatch.seconds { _ = instance.run(instance.inputs) } }
        let backward = backwardWork.map { work in
            let gradients = instance.inputs.map { Tensor.zeros($0.shape, on: device) }
            let seed = Tensor.ones(instance.run(instance.inputs).shape, on: device)
            let seconds = Stopwatch.median {
                let tape = Tape()
                let leaves = zip(instance.inputs, gradients).map { tape.leaf($0, addingGradientTo: $1) }
                let result = instance.run(leaves)
                return Stopwatch.seconds { tape.backward(from: result, seed: seed) }
            }
            return OperationResult.Pass(seconds: seconds, work: work)
        }
        return OperationResult(
            name: name, shape: shape, forward: .init(seconds: forward, work: work), backward: backward)
    }
}

struct OperationResult: Encodable {
    struct Pass: Encodable {
        var seconds: Double
        var work: OperationCase.Work

        enum CodingKeys: String, CodingKey {
            case seconds
            case operations = "operations_per_second"
            case bytes = "bytes_per_second"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(seconds, forKey: .seconds)
            switch work {
            case .operations(let count): try container.encode(count / seconds, forKey: .operations)
            case .bytes(let count): try container.encode(count / seconds, forKey: .bytes)
            }
        }

        /// Time, rate, and the share of the ceiling.
        func cells(_ ceilings: Ceilings) -> [String] {
            let (rate, unit, ceiling) =
                switch work {
                case .operations(let count): (count / seconds, "GFLOP/s", ceilings.operations)
                case .bytes(let count): (count / seconds, "GB/s", ceilings.bytes)
                }
            return [seconds.asTime, "\((rate / 1e9).short) \(unit)", "\((100 * rate / ceiling).short) %"]
        }
    }

    var name: String
    var shape: String
    var forward: Pass
    var backward: Pass?

    static func table(_ rows: [OperationResult], _ ceilings: Ceilings) -> String {
        var table = Table(["operation", "shape", "forward", "rate", "of ceiling", "backward", "rate", "of ceiling"])
        for row in rows {
            table.add(
                [row.name, row.shape] + row.forward.cells(ceilings)
                    + (row.backward?.cells(ceilings) ?? ["-", "-", "-"]))
        }
        return table.text
    }
}

/// What `ops` writes.
struct OperationReport: Encodable {
    var machine: Machine
    var ceilings: Ceilings
    var operations: [OperationResult]
}
