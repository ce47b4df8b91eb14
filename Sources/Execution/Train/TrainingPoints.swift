internal import Configurations
internal import Datasets
internal import DurableFiles
internal import Media
internal import Problems
internal import Safetensors

/// Points that a model was trained on, and how they were standardized: kept beside a model of points
/// (`training_points.safetensors`), so that samples can be shown in the data's own coordinates, over the data.
struct TrainingPoints {
    private static let fileName = "training_points.safetensors"

    /// In the data's own coordinates, one after the other.
    private let values: [Float]
    private let dimension: Int
    private let mean: Float
    private let deviation: Float

    /// The first `count` of a data set of points.
    init(of dataset: Dataset, count: Int) throws {
        guard let standardization = dataset.standardization else {
            throw Problem(.internal, "the data set has no points")
        }
        values = standardization.restored(try dataset.trainingSamples(count).flatMap(\.self))
        dimension = dataset.shape.elementCount
        mean = standardization.mean
        deviation = standardization.deviation
    }

    /// Those of a model directory; nil when it has none.
    init?(modelDirectory: String, in files: any FileSystem) throws {
        let path = Path.join(modelDirectory, Self.fileName)
        guard try files.exists(path) else { return nil }
        let file = try SafetensorsFile(path)
        let scale = try file.floats("standardization")
        let shape = try file.info("points").shape
        guard scale.count == 2, shape.count == 2, shape[1] > 0, scale[1] > 0 else {
            throw Problem(
                .corrupt, "the training points are damaged", remedy: "Remove the file, or publish the model again.",
                file: path)
        }
        values = try file.floats("points")
        dimension = shape[1]
        (mean, deviation) = (scale[0], scale[1])
    }

    func save(to directory: String, in files: any FileSystem) throws {
        var writer = try SafetensorsWriter(
            Path.join(directory, Self.fileName),
            [.init("points", [values.count / dimension, dimension]), .init("standardization", [2])], in: files,
            durability: .deferred)
        try writer.write("points", values)
        try writer.write("standardization", [mean, deviation] as [Float])
        try writer.commit()
    }

    /// What the model sees, in the data's own coordinates.
    func restored(_ sample: [Float]) -> [Float] { sample.map { $0 * deviation + mean } }

    /// Samples as the model makes them, over the training points; the first two coordinates.
    func plot(_ samples: [[Float]], title: String) throws -> Image {
        try plot(restored: samples.map(restored), title: title)
    }

    /// The same for samples in the data's own coordinates.
    func plot(restored samples: [[Float]], title: String) throws -> Image {
        let samples = points(samples.flatMap(\.self))
        var plot = Plot(
            title, yScale: .equal,
            series: [
                .init("training data", as: .discs(radius: 1.5), points: points(values), colour: .grey, opacity: 0.5),
                .init("samples", as: .discs(radius: 2), points: samples, colour: .blue, opacity: 0.8),
            ])
        (plot.xRange, plot.yRange) = (range(0), range(1))
        return try plot.image()
    }

    private func points(_ values: [Float]) -> [Point] {
        guard dimension >= 2 else { return values.map { Point(Double($0), 0) } }
        return stride(from: 0, to: values.count, by: dimension).map {
            Point(Double(values[$0]), Double(values[$0 + 1]))
        }
    }

    /// The extent of the training points along an axis, with a margin: every plot of an animation has the same.
    private func range(_ axis: Int) -> ClosedRange<Double>? {
        guard axis < dimension else { return nil }
        let own = stride(from: axis, to: values.count, by: dimension).map { Double(values[$0]) }
        guard let low = own.min(), let high = own.max(), low < high else { return nil }
        let margin = (high - low) / 4
        return low - margin...high + margin
    }
}
