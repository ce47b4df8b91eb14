public import DurableFiles
internal import Models
public import NeuralNet
internal import Problems
internal import Safetensors
public import TensorCore

/// Between files and a network's parameters.
extension Weights {
    private static let readableTypes: Set<DataType> = [
        .float64, .float32, .float16, .bfloat16, .float8E4M3, .float8E5M2,
    ]

    /// Gives every parameter of `module` its tensor. Strict: a parameter without a tensor, a tensor without a parameter,
    /// or another shape is an error that names it; nothing is loaded then.
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
        let values = try found.map { name, parameter, file, place in
            let own = try Self.tensor(file, place, parameter)
            return parameter.stored(fromFileOrder: try adapted(own, name), keeping: format)
        }
        for (entry, value) in zip(found, values) { entry.parameter.assign(value) }
    }

    /// Whether the files hold what `module` needs, by the names and shapes in their headers: to be known before hours
    /// of work that end with loading it.
    ///
    /// - Throws: as `load`, but for what only the values tell.
    public func check(for module: some Module, isIdle: (String) -> Bool = { _ in false }) throws {
        _ = try places(in: module, isIdle)
    }

    typealias Places = (
        parameters: [(name: String, parameter: Parameter, file: SafetensorsFile, place: TensorPlace)],
        constants: [(value: Tensor, file: SafetensorsFile, key: String)]
    )

    /// Where each parameter and each constant of `module` lies.
    func places(in module: some Module, _ isIdle: (String) -> Bool) throws -> Places {
        let open = try files.map(SafetensorsFile.init)
        var problems: [Problem] = []
        var holders: [String: SafetensorsFile] = [:]
        for file in open {
            for key in file.names where holders.updateValue(file, forKey: key) != nil {
                problems.append(mismatch("tensor \(key) is there twice", file.path))
            }
        }
        let names = names ?? TensorNames(keys: holders.keys)
        let constants = (module as? any HoldsConstants)?.constants ?? []
        var unused = Set(holders.keys.filter { names.isOwn($0) && !isIdle($0) })
        func find(_ name: String, _ shape: Shape) throws -> (file: SafetensorsFile, place: TensorPlace)? {
            let present = names.places(name).compactMap { place in holders[place.key].map { ($0, place) } }
            guard let (file, place) = present.first else { return nil }
            unused.subtract(present.map(\.1.key))
            if present.count > 1 { problems.append(mismatch("parameter \(name) is there twice", file.path)) }
            problems += try fault(file, place, shape).map { [$0] } ?? []
            return (file, place)
        }
        var found: [(name: String, parameter: Parameter, file: SafetensorsFile, place: TensorPlace)] = []
        for (name, parameter) in module.parameters {
            if let (file, place) = try find(name, parameter.fileShape) {
                found.append((name, parameter, file, place))
            } else {
                let key = names.places(name).first?.key ?? name
                let place = key == name ? "" : ": there is no tensor \(key)"
                problems.append(mismatch("parameter \(name) is missing\(place)", files.first ?? path))
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

    /// What is wrong with a tensor that should hold a parameter of this shape.
    private func fault(_ file: SafetensorsFile, _ place: TensorPlace, _ shape: Shape) throws -> Problem? {
        let info = try file.info(place.key)
        let expected = place.shape(for: Array(shape))
        // A linear layer may lie in a file as a convolution of 1 x 1 kernels, and the other way round.
        guard info.shape == expected || info.shape.withoutKernel == expected.withoutKernel else {
            return mismatch("tensor \(place.key) has the shape \(info.shape), not \(expected)", file.path)
        }
        return Self.readableTypes.contains(info.type)
            ? nil : mismatch("tensor \(place.key) holds \(info.type.rawValue), not floats", file.path)
    }

    private static func tensor(
        _ file: SafetensorsFile, _ place: TensorPlace, _ parameter: Parameter
    ) throws -> Tensor {
        let shape = parameter.fileShape
        let stored = place.isTransposed ? Shape(Array(shape).reversed()) : shape
        let tensor = try Tensor(shape: stored, on: parameter.device) { span in
            try file.readFloats(place.key, from: place.part * shape.elementCount, into: &span)
        }
        return place.isTransposed ? tensor.permuted(Array(shape.indices.reversed())) : tensor
    }

    private func mismatch(_ message: String, _ file: String) -> Problem {
        Problem(.corrupt, message, remedy: remedy, file: file)
    }

    /// Writes the parameters of `module` to `path`, a directory that exists, in PyTorch's order.
    ///
    /// - Parameters:
    ///   - stem: what the file is called before its variant and ending.
    ///   - variant: names a second set of weights beside the first, as diffusers' `variant=` does.
    public static func save(
        _ module: some Module, stem: String? = nil, variant: String? = nil, to path: String,
        in files: any FileSystem, durability: Durability = .deferred
    ) throws {
        let parameters = module.parameters
        let name = ([stem ?? diffusersStem] + (variant.map { [$0] } ?? []) + ["safetensors"]).joined(separator: ".")
        var writer = try SafetensorsWriter(
            Path.join(path, name), parameters.map { .init($0.name, Array($0.parameter.fileShape)) }, in: files,
            durability: durability)
        for (name, parameter) in parameters {
            try parameter.inFileOrder(parameter.value).withSpan { try writer.write(name, $0) }
        }
        try writer.commit()
    }
}

extension [Int] {
    /// The shape of a matrix for one of 1 x 1 kernels.
    var withoutKernel: [Int] { count == 4 && self[2...] == [1, 1] ? Array(self[..<2]) : self }
}
