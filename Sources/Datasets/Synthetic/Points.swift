import Configurations
import Glibc
import Problems
import TensorCore

/// How points were brought to mean 0 and deviation 1: one mean and one deviation for all coordinates, as minidiffusion does it, so
/// that distances keep their proportions.
public struct Standardization: Sendable, Hashable {
    public let mean: Float
    /// The root of the unbiased variance.
    public let deviation: Float

    init(of values: [Float]) {
        let count = Double(values.count)
        let mean = values.reduce(0) { $0 + Double($1) } / count
        let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        self.mean = Float(mean)
        deviation = values.count > 1 && squares > 0 ? Float((squares / (count - 1)).squareRoot()) : 1
    }

    func standardized(_ value: Float) -> Float { (value - mean) / deviation }

    /// From what the model sees back to the data's own coordinates.
    public func restored(_ values: [Float]) -> [Float] { values.map { $0 * deviation + mean } }
}

/// Points in the plane, standardized.
struct PointCloud: SampleSource {
    private let coordinates: [Float]
    let standardization: Standardization

    var count: Int { coordinates.count / 2 }
    var isInMemory: Bool { true }

    func sample(_ index: Int, warn: (String) -> Void) -> Sample {
        .values([coordinates[2 * index], coordinates[2 * index + 1]])
    }

    /// Point i is a function of (seed, i).
    init(count: Int, seed: UInt64, _ point: (inout Philox) -> (Float, Float)) {
        var raw: [Float] = []
        raw.reserveCapacity(2 * count)
        for index in 0..<count {
            var random = Philox(seed: seed, purpose: .dataset, sample: index)
            let (x, y) = point(&random)
            raw.append(x)
            raw.append(y)
        }
        let standardization = Standardization(of: raw)
        self.standardization = standardization
        coordinates = raw.map(standardization.standardized)
    }
}

/// The two sets of minidiffusion (Fleuret 2022).
enum PlanarSet {
    /// Around the origin one and a half times, in a band of width 0.15: rho = 0.25 + 0.65 u + 0.15 v, theta = 3 pi u.
    static func spiral(_ random: inout Philox) -> (Float, Float) {
        let u = random.uniform()
        let rho = Spiral.innerRadius(u: Double(u)) + Spiral.width * Double(random.uniform())
        let theta = Spiral.angle(u: Double(u))
        return (Float(cos(theta) * rho), Float(sin(theta) * rho))
    }

    /// Discs of radius 0.1 on a 4 x 4 grid over [-1, 1].
    static func discGrid(_ random: inout Philox) -> (Float, Float) {
        let angle = 2 * Double.pi * Double(random.uniform())
        let radius = 0.1 * Double(random.uniform()).squareRoot()
        let column = (Double(random.integer(below: 4)) - 1.5) / 1.5
        let row = (Double(random.integer(below: 4)) - 1.5) / 1.5
        return (Float(cos(angle) * radius + column), Float(sin(angle) * radius + row))
    }
}

extension OpenedSource {
    /// - Parameter readsCaptions: whether captions are wanted, where the set has some.
    init(_ configuration: SyntheticDatasetConfiguration, readsCaptions: Bool) throws {
        let seed = configuration.seed
        func points(_ point: (inout Philox) -> (Float, Float)) -> OpenedSource {
            let cloud = PointCloud(count: configuration.count, seed: seed, point)
            return OpenedSource(source: cloud, shape: .point(dimension: 2), standardization: cloud.standardization)
        }
        switch configuration.name {
        case .spiral: self = points(PlanarSet.spiral)
        case .discGrid: self = points(PlanarSet.discGrid)
        case .shapes:
            let shape = try configuration.images.shape()
            guard case .image(let size, let channels) = shape else { preconditionFailure("shapes are images") }
            let source = ShapeImages(count: configuration.count, resolution: size.width, channels: channels, seed: seed)
            self.init(
                source: source, shape: shape, classes: FlatShape.allCases.map(\.rawValue),
                labels: (0..<configuration.count).map(ShapeImages.label))
        case .movingShapes:
            guard case .image(let size, let channels) = try configuration.images.shape() else {
                preconditionFailure("shapes are images")
            }
            let frames = configuration.frames ?? 16
            let clips = MovingShapes(frames: frames, resolution: size.width, channels: channels, seed: seed)
            self.init(
                source: MovingShapeClips(clips: clips, count: configuration.count),
                shape: .video(frames: frames, size, channels: channels), classes: ShapeMotion.allCases.map(\.rawValue),
                labels: (0..<configuration.count).map { $0 % ShapeMotion.allCases.count })
        case .captionedShapes:
            let shape = try configuration.images.shape()
            guard case .image(let size, 3) = shape else {
                throw Problem(
                    .invalid, "captioned_shapes have colours, but the model's samples are \(shape)",
                    remedy: "Use 3 channels.", path: "$.dataset.channels")
            }
            let shapes = try CaptionedShapes(resolution: size.width, seed: seed)
            let images = CaptionedShapeImages(shapes: shapes, count: configuration.count)
            self.init(source: images, shape: shape, captions: readsCaptions ? images.captions() : nil)
        }
    }
}
