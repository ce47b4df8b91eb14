import Problems

/// A `.npz` file: arrays by name, as `numpy.load` and `numpy.savez` have them. Opening reads the names only.
public struct NumpyArchive {
    /// In the order in which they lie in the file.
    public let names: [String]
    private let file: ZipFile
    private static let ending = ".npy"

    /// - Throws: a `Problem` that names the file: `missing`, `denied`, `corrupt`, `unsupported`.
    public init(_ path: String) throws {
        file = try ZipFile(path)
        names = file.members.map(\.name).filter { $0.hasSuffix(Self.ending) }.map { String($0.dropLast(4)) }
    }

    /// The array of that name; nil where there is none.
    ///
    /// - Parameter limit: bytes that it may have.
    /// - Throws: a `Problem` that names file and array.
    public func array(_ name: String, atMost limit: Int) throws -> NumpyArray? {
        // The last of several counts, as for Python.
        guard let member = file.members.last(where: { $0.name == name + Self.ending }) else { return nil }
        do {
            return try NumpyArray(npy: try file.read(member, atMost: limit))
        } catch var problem as Problem {
            problem.message = problem.file == nil ? "\(name): \(problem.message)" : problem.message
            throw problem.inFile(file.path)
        }
    }

    /// The bytes of a file with these arrays, always the same for the same arrays.
    public static func encode(_ arrays: [(name: String, array: NumpyArray)]) -> [UInt8] {
        ZipFile.encode(arrays.map { ($0.name + ending, $0.array.npy) })
    }
}
