public import DurableFiles
internal import Models
public import NeuralNet
internal import Problems
internal import Safetensors
internal import StrictJSON
public import TensorCore

/// The weights of one component of a pipeline: `diffusion_pytorch_model.safetensors`, whole or in shards.
public struct WeightsDirectory: Sendable {
    public static let fileName = "diffusion_pytorch_model.safetensors"
    private static let halfFileName = "diffusion_pytorch_model.fp16.safetensors"
    private static let indexName = "diffusion_pytorch_model.safetensors.index.json"
    private static let halfIndexName = "diffusion_pytorch_model.safetensors.index.fp16.json"

    private static let readableTypes: Set<DataType> = [.float64, .float32, .float16, .bfloat16]

    public let path: String
    /// What to do where a file and the model differ.
    private let remedy: String
    /// The safetensors files that hold the weights, in the order of their names.
    public let files: [String]

    /// - Parameter path: the component's directory (`unet/`).
    /// - Throws: `missing` when it holds no safetensors weights.
    public init(_ path: String) throws {
        self.path = path
        remedy = "The weights and config.json must come from the same model."
        let fileSystem = PosixFileSystem()
        for (name, index) in [(Self.fileName, Self.indexName), (Self.halfFileName, Self.halfIndexName)] {
            let file = Path.join(path, name)
            if try fileSystem.exists(file) {
                files = [file]
                return
            }
            let shards = Path.join(path, index)
            if try fileSystem.exists(shards) {
                files = try Self.shards(of: shards, in: path)
                return
            }
        }
        throw Problem(
            .missing, "there are no weights in \(path)",
            remedy:
                "It needs \(Self.fileName); with diffusers, save_pretrained(..., safe_serialization=True) writes it.",
            file: Path.join(path, Self.fileName))
    }

    /// A single file, wherever it lies and whatever it is called.
    ///
    /// - Parameter remedy: what to do where it does not fit the model.
    public init(file: String, remedy: String) {
        path = Path.parent(file)
        files = [file]
        self.remedy = remedy
    }

    /// The files that a shard index names.
    private static func shards(of index: String, in directory: String) throws -> [String] {
        let bytes = try PosixFileSystem().read(index, limit: 1 << 26, followsLinks: true)
        guard let map = try JSONNode.parse(bytes, file: index)["weight_map"]?.members else {
            throw Problem(
                .corrupt, "the shard index has no weight_map", remedy: "Save the model again.", file: index)
        }
        var names: Set<String> = []
        for entry in map {
            // A shard lies beside its index; anything else could name any file of the machine.
            guard let name = entry.node.string, !name.isEmpty, !name.contains("/"), name != ".." else {
                throw Problem(
                    .corrupt, "the shard index names no file for \(entry.name)", remedy: "Save the model again.",
                    file: index, line: entry.node.place?.line, column: entry.node.place?.column)
            }
            names.insert(name)
        }
        return names.sorted().map { Path.join(directory, $0) }
    }

    /// SHA-256 of the weights file, or of its shards' digests in the order of their names.
    public func digest() throws -> String {
        if files.count == 1 { return try SHA256.digest(ofFile: files[0]).description }
        let digests = try files.flatMap { try SHA256.digest(ofFile: $0).bytes }
        return try SHA256.digest(of: digests).description
    }

    /// Gives every parameter of `module` its tensor. Strict: a parameter without a tensor, a tensor without a parameter, or
    /// another shape is an error that names it; nothing is loaded then.
    ///
    /// - Parameters:
    ///   - format: in which weights are kept in memory; nil for 32 bits. Files of another format are rounded to it.
    ///   - isIdle: names of tensors that may be there and are not asked for.
    public func load(
        into module: some Module, keeping format: HalfTensor.Format? = nil, isIdle: (String) -> Bool = { _ in false }
    ) throws {
        let (found, held) = try places(in: module, isIdle)
        for (value, file, key) in held {
            let isSame = zip(try file.floats(key), value.array()).allSatisfy { abs($0 - $1) < 1e-3 }
            guard isSame else { throw mismatch("tensor \(key) is not what config.json makes of it", file.path) }
        }
        // All are read before any is given away: a disk may fail at the last.
        let values = try found.map { parameter, file, place in
            parameter.stored(fromFileOrder: try Self.tensor(file, place, parameter), keeping: format)
        }
        for (entry, value) in zip(found, values) { entry.parameter.assign(value) }
    }

    /// Whether the files hold what `module` needs, by the names and shapes in their headers: to be known before hours
    /// of work that end with loading it.
    ///
    /// - Throws: as `load`, but for what only the values tell.
    public func check(for module: some Module) throws { _ = try places(in: module) { _ in false } }

    private typealias Places = (
        parameters: [(parameter: Parameter, file: SafetensorsFile, place: TensorPlace)],
        constants: [(value: Tensor, file: SafetensorsFile, key: String)]
    )

    /// Where each parameter and each constant of `module` lies.
    private func places(in module: some Module, _ isIdle: (String) -> Bool) throws -> Places {
        let open = try files.map(SafetensorsFile.init)
        var problems: [Problem] = []
        var holders: [String: SafetensorsFile] = [:]
        for file in open {
            for key in file.names where holders.updateValue(file, forKey: key) != nil {
                problems.append(mismatch("tensor \(key) is there twice", file.path))
            }
        }
        let names = TensorNames(keys: holders.keys)
        let constants = (module as? any HoldsConstants)?.constants ?? []
        var unused = Set(holders.keys.filter { !isIdle($0) })
        func find(_ name: String, _ shape: Shape) throws -> (file: SafetensorsFile, place: TensorPlace)? {
            let present = names.places(of: name).compactMap { place in holders[place.key].map { ($0, place) } }
            guard let (file, place) = present.first else { return nil }
            unused.subtract(present.map(\.1.key))
            if present.count > 1 { problems.append(mismatch("parameter \(name) is there twice", file.path)) }
            problems += try fault(file, place, shape).map { [$0] } ?? []
            return (file, place)
        }
        var found: [(parameter: Parameter, file: SafetensorsFile, place: TensorPlace)] = []
        for (name, parameter) in module.parameters {
            if let (file, place) = try find(name, parameter.fileShape) {
                found.append((parameter, file, place))
            } else {
                problems.append(mismatch("parameter \(name) is missing", files.first ?? path))
            }
        }
        let held = try constants.compactMap { constant in
            try find(constant.name, constant.value.shape).map { (constant.value, $0.file, $0.place.key) }
        }
        for key in unused.sorted() {
            let file = holders[key]?.path ?? path
            problems.append(mismatch("tensor \(key) belongs to no parameter of this model", file))
        }
        // A model of another kind differs in hundreds of names; the first few tell it.
        guard problems.isEmpty else { throw Problems(Array(problems.prefix(20))) }
        return (found, held)
    }

    /// The files as they are now: what they hold is the same as long as this is.
    func state() throws -> [FileStatus?] {
        try files.map { try PosixFileSystem().status($0, followsLinks: true) }
    }

    /// What is wrong with a tensor that should hold a parameter of this shape.
    private func fault(_ file: SafetensorsFile, _ place: TensorPlace, _ shape: Shape) throws -> Problem? {
        let info = try file.info(place.key)
        var expected = Array(shape)
        if place.parts > 1 { expected[0] *= place.parts }
        if info.shape != expected {
            return mismatch("tensor \(place.key) has the shape \(info.shape), not \(expected)", file.path)
        }
        return Self.readableTypes.contains(info.type)
            ? nil : mismatch("tensor \(place.key) holds \(info.type.rawValue), not floats", file.path)
    }

    private static func tensor(
        _ file: SafetensorsFile, _ place: TensorPlace, _ parameter: Parameter
    ) throws -> Tensor {
        let count = parameter.fileShape.elementCount
        return try Tensor(shape: parameter.fileShape, on: parameter.device) { span in
            try file.readFloats(place.key, from: place.part * count, into: &span)
        }
    }

    private func mismatch(_ message: String, _ file: String) -> Problem {
        Problem(.corrupt, message, remedy: remedy, file: file)
    }

    /// Writes the parameters of `module` to `path`, a directory that exists, in PyTorch's order.
    ///
    /// - Parameter variant: names a second set of weights beside the first, as diffusers' `variant=` does.
    public static func save(
        _ module: some Module, variant: String? = nil, to path: String, in files: any FileSystem,
        durability: Durability = .deferred
    ) throws {
        let parameters = module.parameters
        let name = variant.map { "diffusion_pytorch_model.\($0).safetensors" } ?? fileName
        var writer = try SafetensorsWriter(
            Path.join(path, name), parameters.map { .init($0.name, Array($0.parameter.fileShape)) }, in: files,
            durability: durability)
        for (name, parameter) in parameters {
            try parameter.inFileOrder(parameter.value).withSpan { try writer.write(name, $0) }
        }
        try writer.commit()
    }
}
