internal import DurableFiles
internal import NeuralNet
internal import Safetensors

/// From file to file, without a network in between.
extension Weights {
    /// Writes the parameters of `module` into one file, under their own names and in their own shapes, whatever they
    /// are here. One tensor at a time is in memory. Types stay, but for those that few programs compute with: numbers
    /// of 8 bits become F16, and those of 64 bits F32.
    ///
    /// - Parameters:
    ///   - isIdle: names of tensors that may be there and are left behind.
    ///   - path: of the new file.
    /// - Throws: as `load`.
    func copy(
        for module: some Module, isIdle: (String) -> Bool = { _ in false }, to path: String, in files: any FileSystem
    ) throws {
        let found = try places(in: module, isIdle).parameters
        let entries = try zip(module.parameters, found).map { named, found in
            SafetensorsWriter.Entry(
                named.name, Array(named.parameter.fileShape), try found.file.info(found.place.key).type.usual)
        }
        var writer = try SafetensorsWriter(path, entries, in: files, durability: .deferred)
        for (entry, found) in zip(entries, found) {
            let (file, place) = (found.file, found.place)
            switch try file.info(place.key).type {
            case .float8E4M3, .float8E5M2:
                let values = try place.own(file.floats(place.key), entry.shape).map { Float16($0) }
                try writer.write(entry.name, halves: values)
            case .float64:
                let values = try place.own(file.floats(place.key), entry.shape)
                try writer.write(entry.name, values)
            case let type:
                let bytes = try place.own(file.bytes(place.key), entry.shape, size: type.size)
                try writer.write(entry.name, bytes: bytes)
            }
        }
        try writer.commit()
    }
}

extension TensorPlace {
    /// What of a tensor's data is the parameter's, in the parameter's order.
    ///
    /// - Parameters:
    ///   - shape: of the parameter.
    ///   - size: how many entries of `data` are one number.
    fileprivate func own<Entry>(_ data: [Entry], _ shape: [Int], size: Int = 1) -> [Entry] {
        let count = data.count / parts
        guard isTransposed else { return parts == 1 ? data : Array(data[part * count..<(part + 1) * count]) }
        var transposed: [Entry] = []
        transposed.reserveCapacity(count)
        for row in 0..<shape[0] {
            for column in 0..<shape[1] {
                let start = size * (column * shape[0] + row)
                transposed += data[start..<start + size]
            }
        }
        return transposed
    }
}

extension DataType {
    /// The type in which other programs expect such numbers.
    fileprivate var usual: DataType {
        switch self {
        case .float8E4M3, .float8E5M2: .float16
        case .float64: .float32
        default: self
        }
    }
}
