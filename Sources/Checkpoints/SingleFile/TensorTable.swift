internal import Problems
internal import Safetensors

/// What a file holds by its header: tensors with their shapes, and the modules that the dots of their names tell apart.
struct TensorTable: Sendable {
    let path: String
    let shapes: [String: [Int]]
    /// What the writer left, such as `modelspec.prediction_type`.
    let metadata: [String: String]
    /// Each tensor's name, and what stands before each of its dots.
    private let modules: Set<String>

    /// Names of known models have fewer parts; a longer one in a hostile header costs no more than these.
    private static let deepest = 16

    init(_ file: SafetensorsFile) {
        path = file.path
        shapes = file.tensors.mapValues(\.shape)
        metadata = file.metadata
        var modules: Set<String> = []
        for name in file.tensors.keys {
            var module = ""
            for part in name.split(separator: ".", maxSplits: Self.deepest, omittingEmptySubsequences: false) {
                module += module.isEmpty ? part : "." + part
                modules.insert(module)
            }
        }
        self.modules = modules
    }

    /// Whether it has a tensor of this name, or a module with tensors.
    func has(_ name: String) -> Bool { modules.contains(name) }

    /// How many modules there are of those that are numbered from 0: `name.0`, `name.1`, ...
    func count(of name: String) -> Int {
        var count = 0
        while has("\(name).\(count)") { count += 1 }
        return count
    }

    /// The shape of a tensor that every model of this kind has.
    ///
    /// - Throws: `corrupt` where it is missing, or has not so many axes.
    func shape(_ name: String, axes: ClosedRange<Int>) throws(Problem) -> [Int] {
        guard let shape = shapes[name] else {
            throw corrupt("the tensor \(name) is missing, which a model of this kind has")
        }
        guard axes.contains(shape.count) else {
            throw corrupt("the tensor \(name) has the shape \(shape), which such a tensor cannot have")
        }
        return shape
    }

    /// The names that some test picks out, in order; such a test may look at all of them.
    func names(where isMeant: (String) -> Bool) -> [String] { shapes.keys.filter(isMeant).sorted() }

    func corrupt(_ message: String) -> Problem {
        Problem(.corrupt, message, remedy: "The file must hold a whole model: download it again.", file: path)
    }
}
