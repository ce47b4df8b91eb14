internal import ArgumentParser
internal import Configurations
internal import Foundation
internal import Models
internal import NeuralNet
internal import TensorCore

/// How time grows with batch, resolution, tokens and threads.
struct Scaling: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time the CIFAR-10 U-Net and attention as sizes and threads grow.")
    @OptionGroup var common: CommonOptions

    func run() throws {
        ProductKernels.select()
        let machine = Machine(threads: common.threads)
        Report.say("\(machine.description), \(ProductKernels.description(Device(threads: common.threads)))")
        guard let unet = try Catalogue(common.benchmarks).model(named: "unet2d-cifar10").network as? UNet2DConfiguration
        else { return }
        let series = [
            Series("U-Net forward, 32x32", by: "batch", [1, 2, 4, 8, 16, 32]) {
                forward(unet, batch: $0, size: 32, threads: common.threads)
            },
            Series("U-Net forward, batch 4", by: "pixels", [16, 24, 32, 48, 64].map { $0 * $0 }) {
                forward(unet, batch: 4, size: Int(Double($0).squareRoot()), threads: common.threads)
            },
            Series("attention, batch 2, 8 heads x 40", by: "tokens", [64, 256, 1024, 4096]) { tokens in
                OperationCase.attention(n: 2, tokens: tokens, heads: 8, 40)
                    .measure(on: Device(threads: common.threads)).forward.seconds
            },
            Series("U-Net forward, 32x32, batch 16", by: "threads", Self.threadCounts) {
                forward(unet, batch: 16, size: 32, threads: $0)
            },
        ]
        try Report.save(ScalingReport(machine: machine, series: series), as: "scaling", in: common.benchmarks)
    }

    /// 1, 2, 4, ... and all cores.
    private static var threadCounts: [Int] {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        return sequence(first: 1) { $0 * 2 < cores ? $0 * 2 : nil } + (cores > 1 ? [cores] : [])
    }

    private func forward(_ unet: UNet2DConfiguration, batch: Int, size: Int, threads: Int) -> Double {
        let device = Device(threads: threads)
        let model = UNet2DModel(unet, on: device)
        model.initialize(seed: 1)
        let x = Tensor.normal([batch, size, size, 3], seed: 1, purpose: .dataset, on: device)
        let timesteps = [Float](repeating: 500, count: batch)
        return Stopwatch.median { Stopwatch.seconds { _ = model(x, timesteps: timesteps) } }
    }
}

/// Times along one size; measured and printed as it is made.
struct Series: Encodable {
    struct Point: Encodable {
        var size: Int
        var seconds: Double
    }

    var name: String
    var unit: String
    var points: [Point]

    init(_ name: String, by unit: String, _ sizes: [Int], _ seconds: (Int) -> Double) {
        self.name = name
        self.unit = unit
        points = sizes.map { Point(size: $0, seconds: seconds($0)) }
        Report.say("\n\(name)\n\(table)")
    }

    /// The exponent is that of the growth since the row before: 1 is time in proportion.
    private var table: String {
        var table = Table([unit, "time", "time per unit", "exponent"])
        for (index, point) in points.enumerated() {
            var exponent = "-"
            if index > 0 {
                let previous = points[index - 1]
                exponent =
                    (log(point.seconds / previous.seconds) / log(Double(point.size) / Double(previous.size))).short
            }
            table.add([
                "\(point.size)", point.seconds.asTime, (point.seconds / Double(point.size)).asTime, exponent,
            ])
        }
        return table.text
    }
}

/// What `scaling` writes.
struct ScalingReport: Encodable {
    var machine: Machine
    var series: [Series]
}
