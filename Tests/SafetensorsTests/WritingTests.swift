import DurableFiles
import Problems
import Safetensors
import TestSupport
import Testing

@Suite struct WritingTests {
    let directory: TemporaryDirectory
    let files = PosixFileSystem()

    init() throws { directory = try TemporaryDirectory() }

    @Test func bytesAreAsTheFormatSays() throws {
        let path = directory("model.safetensors")
        var writer = try SafetensorsWriter(path, [.init("b.weight", [1, 2]), .init("ids", [1], .int64)], in: files)
        try writer.write("b.weight", [1, -2] as [Float])
        try writer.write("ids", [258] as [Int64])
        try writer.commit()
        let header =
            #"{"__metadata__": {"format": "pt"}, "b.weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}, "#
            + #""ids": {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]}}"#
        let padding = String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        let data: [UInt8] = [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 2, 1, 0, 0, 0, 0, 0, 0]
        #expect(try files.read(path, limit: 1000) == fileBytes(header + padding, data))
    }

    @Test func whatIsWrittenIsRead() throws {
        var generator = SeededGenerator(seed: 7)
        let path = directory("model.safetensors")
        let shapes = [("z", [3, 5, 2]), ("a \"quoted\" ü\n", [100_003]), ("none", [4, 0]), ("one", [])]
        let values = shapes.map { generator.floats($0.1.reduce(1, *)) }
        var writer = try SafetensorsWriter(path, shapes.map { .init($0.0, $0.1) }, metadata: ["step": "12"], in: files)
        for ((name, _), values) in zip(shapes, values) { try writer.write(name, values.span) }
        try writer.commit()
        let file = try SafetensorsFile(path)
        #expect(file.metadata == ["step": "12"])
        #expect(Set(file.names) == Set(shapes.map(\.0)))
        for ((name, shape), values) in zip(shapes, values) {
            #expect(try file.info(name).shape == shape)
            #expect(try file.floats(name) == values)
            #expect(try file.info(name).range.lowerBound % 4 == 0)
        }
    }

    @Test func misuseLeavesNoFile() throws {
        let path = directory("model.safetensors")
        let two: [SafetensorsWriter.Entry] = [.init("a", [2]), .init("b", [1], .int64)]
        let attempts: [() throws -> Void] = [
            { try SafetensorsWriter(path, two, in: files).commit() },
            {
                var writer = try SafetensorsWriter(path, two, in: files)
                try writer.write("b", [1] as [Int64])
            },
            {
                var writer = try SafetensorsWriter(path, two, in: files)
                try writer.write("a", [1, 2, 3] as [Float])
            },
            {
                var writer = try SafetensorsWriter(path, two, in: files)
                try writer.write("a", [1] as [Int64])
            },
            { _ = try SafetensorsWriter(path, [.init("a", [1]), .init("a", [1])], in: files) },
            { _ = try SafetensorsWriter(path, [.init("__metadata__", [1])], in: files) },
            { _ = try SafetensorsWriter(path, [.init("a", [-1])], in: files) },
            { _ = try SafetensorsWriter(path, [.init("a", [1 << 62])], in: files) },
        ]
        for attempt in attempts {
            let problem = try #require(throws: Problem.self) { try attempt() }
            #expect(problem.code == .internal)
            #expect(try files.list(directory.path).entries.isEmpty)
        }
    }

    @Test func crashLeavesTheOldFileOrTheNew() throws {
        func write(_ value: Float, _ files: any FileSystem, _ directory: String, _ durability: Durability) throws {
            var writer = try SafetensorsWriter(
                "\(directory)/model", [.init("x", [3]), .init("y", [1])], in: files, durability: durability)
            try writer.write("x", [Float](repeating: value, count: 3))
            try writer.write("y", [value])
            try writer.commit()
        }
        try CrashTest.run { directory in
            try write(1, files, directory, .deferred)
        } operation: { files, directory in
            try write(2, files, directory, .synchronized)
        } check: { directory, point in
            let file = try SafetensorsFile("\(directory)/model")
            let found = try file.floats("x") + file.floats("y")
            #expect(found == [2, 2, 2, 2] || !point.isComplete && found == [1, 1, 1, 1], "\(point)")
        }
    }
}
