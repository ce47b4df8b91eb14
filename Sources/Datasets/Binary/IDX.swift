import Configurations
import Problems

/// The IDX format of the MNIST family (LeCun, Cortes & Burges): two zero bytes, the type of the elements (8: unsigned bytes), the
/// number of dimensions, their extents as 32-bit big-endian numbers, the elements.
struct IDX {
    var extents: [Int]
    var bytes: [UInt8]

    /// Reads a file of bytes, plain or gzip.
    ///
    /// - Parameters:
    ///   - dimensions: how many it may have.
    ///   - limit: the most bytes of elements.
    init(_ path: String, dimensions: ClosedRange<Int>, limit: Int) throws {
        let file = try GzipFile(path)
        let magic = try file.read(4)
        guard magic[0] == 0, magic[1] == 0 else { throw file.damage("it does not begin as an IDX file") }
        guard magic[2] == 8 else {
            throw Problem(
                .unsupported, "the elements of the IDX file are not unsigned bytes (type \(magic[2]))",
                remedy: "Give a file of type 8, whose name usually ends in \"ubyte\".", file: path)
        }
        guard dimensions.contains(Int(magic[3])) else {
            throw Problem(
                .invalid, "the IDX file has \(magic[3]) dimensions, where \(dimensions.text) are needed",
                remedy: "Check that images and labels are not exchanged.", file: path)
        }
        let header = try file.read(4 * Int(magic[3]))
        extents = stride(from: 0, to: header.count, by: 4).map { start in
            header[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        var size = 1
        for extent in extents {
            let (product, overflow) = size.multipliedReportingOverflow(by: extent)
            guard !overflow else { throw file.damage("its header claims \(extents) elements") }
            size = product
        }
        guard size > 0 else { throw file.damage("it has no elements: its header says \(extents)") }
        guard size <= file.mostBytes else {
            throw file.damage("\(file.size) bytes cannot hold the \(extents) elements that its header claims")
        }
        guard size <= limit else {
            throw Problem(
                .invalid, "the file holds \(size) bytes, where \(limit) are allowed",
                remedy: "Allow the job more memory, or give a smaller file.", file: path)
        }
        bytes = try file.read(size)
        try file.expectEnd()
    }
}

extension ClosedRange<Int> {
    fileprivate var text: String { lowerBound == upperBound ? "\(lowerBound)" : "\(lowerBound) to \(upperBound)" }
}

extension OpenedSource {
    init(_ configuration: IDXConfiguration, memory: Int) throws {
        let path = configuration.imagesPath
        let file = try IDX(path, dimensions: 3...4, limit: memory)
        let (height, width) = (file.extents[1], file.extents[2])
        let depth = file.extents.count == 4 ? file.extents[3] : 1
        guard depth == 1 || depth == 3 else {
            throw Problem(
                .unsupported, "the images have \(depth) channels", remedy: "Give images with 1 or 3 channels.",
                file: path)
        }
        let table = ImageTable(width: width, height: height, channels: depth, bytes: file.bytes)
        let shape = try configuration.images.shape(natural: (resolution: min(width, height), channels: depth))
        guard case .image(let size, let channels) = shape else { preconditionFailure("IDX files hold images") }
        self.init(source: TableSource(table: table, resolution: size.width, channels: channels), shape: shape)
        if let labelsPath = configuration.labelsPath {
            let labels = try IDX(labelsPath, dimensions: 1...1, limit: memory).bytes.map(Int.init)
            guard labels.count == table.count else {
                throw Problem(
                    .invalid, "there are \(labels.count) labels for \(table.count) images",
                    remedy: "Give the two files of one set.", file: labelsPath)
            }
            self.labels = labels
            classes = (0...(labels.max() ?? 0)).map(String.init)
        }
    }
}
