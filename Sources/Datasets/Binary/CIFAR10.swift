import Configurations
import Media
import Problems

/// CIFAR-10 in its binary version (Krizhevsky 2009): five files of records of one label and 32 x 32 bytes of red, of green, of blue.
enum CIFAR10 {
    static let side = 32
    static let classCount = 10
    static let recordSize = 1 + 3 * side * side
    /// More than the 10,000 records of a batch, so that a made-up set may be larger.
    static let mostRecords = 1_000_000

    /// Adds the records of one file.
    static func read(_ path: String, into table: inout ImageTable, labels: inout [Int]) throws {
        let bytes = try FileBytes.read(path, atMost: mostRecords * recordSize)
        guard !bytes.isEmpty, bytes.count.isMultiple(of: recordSize) else {
            throw Problem(
                .corrupt, "the file is \(bytes.count) bytes long, not a number of records of \(recordSize) bytes",
                remedy: "Fetch the binary version of CIFAR-10 again.", file: path)
        }
        let plane = side * side
        for start in stride(from: 0, to: bytes.count, by: recordSize) {
            let label = Int(bytes[start])
            guard label < classCount else {
                throw Problem(
                    .corrupt, "record \(start / recordSize) has the label \(label), where 0 to 9 are allowed",
                    remedy: "Fetch the binary version of CIFAR-10 again.", file: path)
            }
            labels.append(label)
            for pixel in start + 1..<start + 1 + plane {
                table.bytes.append(bytes[pixel])
                table.bytes.append(bytes[pixel + plane])
                table.bytes.append(bytes[pixel + 2 * plane])
            }
        }
    }

    /// The class names: ten lines of `batches.meta.txt`, or the set's own where that file is not there.
    static func classNames(in directory: String) throws -> [String] {
        let path = directory + "/batches.meta.txt"
        do {
            let lines = String(decoding: try FileBytes.read(path, atMost: 1 << 16), as: UTF8.self).split {
                $0.isNewline
            }
            guard lines.count == classCount else {
                throw Problem(
                    .corrupt, "the file has \(lines.count) class names, where \(classCount) are needed",
                    remedy: "Fetch it again, or remove it.", file: path)
            }
            return lines.map(String.init)
        } catch let problem as Problem where problem.code == .missing {
            return ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
        }
    }
}

extension OpenedSource {
    init(_ configuration: CIFAR10Configuration) throws {
        var table = ImageTable(width: CIFAR10.side, height: CIFAR10.side, channels: 3, bytes: [])
        var labels: [Int] = []
        for number in 1...5 {
            try CIFAR10.read(configuration.path + "/data_batch_\(number).bin", into: &table, labels: &labels)
        }
        let shape = try configuration.images.shape(natural: (resolution: CIFAR10.side, channels: 3))
        guard case .image(let size, let channels) = shape else { preconditionFailure("CIFAR-10 holds images") }
        self.init(
            source: TableSource(table: table, resolution: size.width, channels: channels), shape: shape,
            classes: try CIFAR10.classNames(in: configuration.path), labels: labels)
    }
}
