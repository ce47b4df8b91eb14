internal import Datasets
internal import Foundation
internal import Models
internal import Problems
internal import TensorCore

/// Statistics in a `.npz` file: `mu` and `sigma`, as pytorch-fid and the reference batches of ADM have them, and beside them what they are
/// of, which those files do not say.
public enum StatisticsFile {
    /// Features at most, and bytes of their covariance.
    private static let (mostFeatures, mostBytes) = (8192, 8192 * 8192 * 8 + 4096)

    /// - Throws: a `Problem` that names the file: `missing`, `denied`, `corrupt`, or `invalid` where it holds no statistics.
    public static func read(_ path: String) throws -> FeatureStatistics {
        let archive = try NumpyArchive(path)
        func fail(_ message: String) -> Problem {
            Problem(
                .invalid, message, remedy: "Name a file with mu and sigma, as this job's outputs or pytorch-fid's.",
                file: path)
        }
        func numbers(_ name: String) throws -> (shape: [Int], values: [Double]) {
            guard let array = try archive.array(name, atMost: mostBytes) else {
                throw fail("the file has no array \(name); it has \(archive.names.prefix(20).joined(separator: ", "))")
            }
            guard case .numbers(let values) = array.content else { throw fail("\(name) does not hold floats") }
            // Squares and products of such are still finite.
            guard values.allSatisfy({ abs($0) < 1e100 }) else {
                throw fail("\(name) holds values that are not numbers, or beyond all measure")
            }
            return (array.shape, values)
        }
        let (shape, mean) = try numbers("mu")
        guard shape.count == 1, (1...mostFeatures).contains(mean.count) else {
            throw fail("mu has the shape \(shape), not that of up to \(mostFeatures) features")
        }
        let (square, covariance) = try numbers("sigma")
        guard square == [mean.count, mean.count] else {
            throw fail("sigma has the shape \(square), but mu \(shape)")
        }
        let symmetric = SymmetricMatrix(
            count: mean.count, elements: covariance)
        guard (0..<mean.count).allSatisfy({ covariance[$0 * mean.count + $0] >= 0 }) else {
            throw fail("sigma is no covariance: its diagonal has negative numbers")
        }
        return FeatureStatistics(
            mean: mean, covariance: symmetric, count: try integer("count", archive),
            kind: try kind(archive, mean.count, fail)
        )
    }

    private static func kind(
        _ archive: NumpyArchive, _ count: Int, _ fail: (String) -> Problem
    ) throws -> FeatureKind? {
        guard let text = try text("feature", archive) else { return nil }
        guard let name = FeatureKind.Name(rawValue: text) else {
            throw fail("its features are \(text.prefix(80)), which are not known")
        }
        let kind = FeatureKind(name: name, weights: try self.text("weights_sha256", archive))
        guard kind.count == count else { throw fail("it says to hold \(text), but has \(count) features") }
        return kind
    }

    private static func text(_ name: String, _ archive: NumpyArchive) throws -> String? {
        guard case .text(let text) = try archive.array(name, atMost: 1 << 16)?.content else { return nil }
        return text
    }

    private static func integer(_ name: String, _ archive: NumpyArchive) throws -> Int? {
        guard case .integer(let number) = try archive.array(name, atMost: 1 << 16)?.content, number > 0 else {
            return nil
        }
        return number
    }

    /// The bytes of a file that holds these statistics.
    public static func encode(_ statistics: FeatureStatistics) -> [UInt8] {
        let n = statistics.mean.count
        var arrays = [
            ("mu", NumpyArray(statistics.mean, shape: [n])),
            ("sigma", NumpyArray(statistics.covariance.elements, shape: [n, n])),
        ]
        if let count = statistics.count { arrays.append(("count", NumpyArray(count))) }
        if let kind = statistics.kind {
            arrays.append(("feature", NumpyArray(kind.name.rawValue)))
            arrays.append(("resizing", NumpyArray(kind.resizing)))
            if let weights = kind.weights { arrays.append(("weights_sha256", NumpyArray(weights))) }
        }
        return NumpyArchive.encode(arrays)
    }
}
