import Configurations
import Datasets
import Foundation
import Media
import Models
import Problems
import TensorCore
import TestSupport
import Testing

@Suite("image folders") struct FolderTests {
    /// The labels of the training samples in the folder's order.
    private func labels(_ data: Dataset) throws -> [Int]? {
        var split = [Int](repeating: -1, count: data.trainingCount)
        let samples = try data.trainingSamples(data.trainingCount)
        let batch = try data.trainingBatches(seed: 0, size: data.trainingCount, on: Device(threads: 1)).batch(step: 0)
        guard let labels = batch.condition.classNumbers else { return nil }
        for (sample, label) in zip(batch.samples, labels) {
            split[try #require(samples.firstIndex(of: sample))] = label
        }
        return split
    }

    private func problems(_ configuration: ImageFolderConfiguration) -> [Problem] {
        do {
            _ = try Dataset(.imageFolder(configuration), seed: 0)
        } catch let problem as Problem {
            return [problem]
        } catch let problems as Problems {
            return problems.all
        } catch {
            Issue.record(error)
        }
        return []
    }

    @Test("files are taken in the order of their names' bytes, whatever is called a picture or is one") func order()
        throws
    {
        let place = try Workplace()
        for (level, name) in ["b/a.png", "a.png", "B.png", "é.png", "a/z/1.png", "10.png", "9.png", "unnamed"]
            .enumerated()
        {
            try place.writeImage(UInt8(level), to: "set/\(name)")
        }
        try place.write("not an image", to: "set/notes.txt")
        try place.write("hidden", to: "set/.png")
        let data = try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0)
        let levels = try data.trainingSamples(100).map { Int((($0[0] + 1) / 2 * 255).rounded()) }
        #expect(levels == [5, 6, 2, 1, 4, 0, 7, 3])
        #expect(data.notes == ["notes.txt is not a picture and is left out."])
        #expect(data.classes.isEmpty)
    }

    @Test("class folders are numbered by their names") func classes() throws {
        let place = try Workplace()
        for (level, name) in ["dog/1.png", "cat/deep/2.png", "dog/3.png", "Ant/4.png"].enumerated() {
            try place.writeImage(UInt8(level), to: "set/\(name)")
        }
        let data = try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0)
        #expect(data.classes == ["Ant", "cat", "dog"])
        #expect(try labels(data) == [0, 1, 2, 2])
        var folder = Making.folder(place.path("set"))
        folder.labels = .none
        #expect(try Dataset(.imageFolder(folder), seed: 0).classes.isEmpty)
        try place.writeImage(9, to: "set/stray.png")
        #expect(try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0).classes.isEmpty)
        folder.labels = .folders
        #expect(problems(folder).map(\.file) == [place.path("set/stray.png")])
    }

    /// torchvision.datasets.ImageFolder(allow_empty=True) numbers these so: {'Zoo': 0, 'a': 1, 'b': 2, 'c': 3, 'é': 4}.
    @Test("all folders are classes in torchvision's order, and one without samples keeps its number")
    func emptyClasses() throws {
        let place = try Workplace()
        for (level, name) in ["c/1.png", "a/1.png", "é/1.png"].enumerated() {
            try place.writeImage(UInt8(level), to: "set/\(name)")
        }
        try place.write("nothing to see", to: "set/Zoo/notes.txt")
        try FileManager.default.createDirectory(atPath: place.path("set/b"), withIntermediateDirectories: true)
        let data = try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0)
        #expect(data.classes == ["Zoo", "a", "b", "c", "é"])
        #expect(try labels(data) == [1, 3, 4])
        #expect(data.notes.contains("Zoo (class 0), b (class 2) hold no samples; the classes keep their numbers."))
    }

    @Test("one class folder is a class") func oneClass() throws {
        let place = try Workplace()
        try place.writeImage(1, to: "set/only/1.png")
        let data = try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0)
        #expect(try data.classes == ["only"] && labels(data) == [0])
    }

    @Test("metadata.jsonl as other programs write it") func foundMetadata() throws {
        let place = try Workplace()
        for level in 0..<2 { try place.writeImage(UInt8(level), to: "set/\(level).png") }
        let lines = [#"{"file_name": "0.png", "label": "b"}"#, #"{"file_name": "1.png", "label": "a"}"#]
        for text in [
            "\u{FEFF}" + lines.joined(separator: "\n"), lines.joined(separator: "\r\n") + "\n\t \r\n\n",
            lines.joined(separator: "\n").replacing(": \"", with: ": \"./").replacing("./b", with: "b")
                .replacing("./a", with: "a"),
            "\n" + lines.joined(separator: "\n\n").replacing("1.png", with: ".//./1.png"),
        ] {
            try place.write(text, to: "set/metadata.jsonl")
            let data = try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0)
            #expect(try data.classes == ["a", "b"] && labels(data) == [1, 0], "\(text)")
        }
        let text = lines.joined(separator: "\n")
        for (encoding, name) in [
            (String.Encoding.utf16, "UTF-16"), (.utf16LittleEndian, "UTF-16"), (.utf16BigEndian, "UTF-16"),
            (.utf32, "UTF-32"), (.utf32LittleEndian, "UTF-32"),
        ] {
            try place.write(Array(try #require(text.data(using: encoding))), to: "set/metadata.jsonl")
            let found = problems(Making.folder(place.path("set")))
            #expect(found.map(\.code) == [.invalid] && found[0].message.contains(name), "\(encoding): \(found)")
        }
    }

    @Test("labels of metadata.jsonl, as names and as numbers") func metadata() throws {
        let place = try Workplace()
        for level in 0..<3 { try place.writeImage(UInt8(level), to: "set/\(level).png") }
        let lines = { (labels: [String]) in
            labels.enumerated().map { #"{"file_name": "\#($0).png", "label": \#($1), "text": "a caption"}"# }
                .joined(separator: "\r\n") + "\n\n"
        }
        try place.write(lines([#""zebra""#, #""ant""#, #""zebra""#]), to: "set/metadata.jsonl")
        let named = try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0)
        #expect(named.classes == ["ant", "zebra"])
        #expect(try labels(named) == [1, 0, 1])
        try place.write(lines(["3", "0", "1"]), to: "set/metadata.jsonl")
        let numbered = try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0)
        #expect(numbered.classes == ["0", "1", "2", "3"])
        #expect(try labels(numbered) == [3, 0, 1])
        try place.write(lines(["null", "null", "null"]), to: "set/metadata.jsonl")
        #expect(try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0).classes.isEmpty)
    }

    @Test("faults of metadata.jsonl are told with their lines") func badMetadata() throws {
        let place = try Workplace()
        for level in 0..<3 { try place.writeImage(UInt8(level), to: "set/\(level).png") }
        let good = (0..<3).map { #"{"file_name": "\#($0).png", "label": 0}"# }
        func check(
            _ lines: [String], _ code: Problem.Code, _ places: [Int?], _ text: String,
            _ at: SourceLocation = #_sourceLocation
        ) throws {
            try place.write(lines.joined(separator: "\n"), to: "set/metadata.jsonl")
            let found = problems(Making.folder(place.path("set")))
            #expect(found.map(\.line) == places && found.allSatisfy { $0.code == code }, "\(found)", sourceLocation: at)
            #expect(found.allSatisfy { $0.file == place.path("set/metadata.jsonl") }, sourceLocation: at)
            #expect(text.isEmpty || found.first?.message.contains(text) == true, "\(found)", sourceLocation: at)
        }
        try check(good + [#"{"file_name": "gone.png", "label": 1}"#], .missing, [4], "gone.png")
        try check(good + ["{]", "[1]"], .invalid, [4, 5], "")
        try check(good + [good[1]], .invalid, [4], "twice")
        try check(Array(good.dropLast()), .invalid, [nil], "2.png")
        try check(good.dropLast() + [#"{"file_name": "2.png"}"#], .invalid, [3], "label")
        try check(good.dropLast() + [#"{"file_name": "2.png", "label": -1}"#], .invalid, [3], "label")
        try check(good.dropLast() + [#"{"file_name": "2.png", "label": "x"}"#], .invalid, [nil], "numbers")
        var folder = Making.folder(place.path("set"))
        folder.labels = .metadata
        try FileManager.default.removeItem(atPath: place.path("set/metadata.jsonl"))
        #expect(problems(folder).map(\.code) == [.missing])
    }

    @Test("a directory that is not there, is empty, or is a file") func noImages() throws {
        let place = try Workplace()
        #expect(problems(Making.folder(place.path("nothing"))).map(\.code) == [.missing])
        try place.write("text", to: "set/notes.txt")
        let empty = problems(Making.folder(place.path("set")))
        #expect(empty.map(\.code) == [.invalid] && empty[0].message == "the directory holds no images")
        #expect(empty[0].file == place.path("set") && empty[0].remedy != nil)
        #expect(problems(Making.folder(place.path("set/notes.txt"))).map(\.code) == [.missing])
        var folder = Making.folder(place.path("set"))
        folder.images.resolution = nil
        #expect(problems(folder).map(\.path) == ["$.dataset.resolution"])
    }

    @Test("pictures are told by their bytes, whatever they are called") func misnamed() throws {
        let place = try Workplace()
        let (jpeg, webp) = (Fixture.path("Media/rgb_420.jpg"), Fixture.path("Media/picture.webp"))
        try place.write(Array(try Data(contentsOf: URL(filePath: jpeg))), to: "set/a.png")
        try place.write(Array(try Data(contentsOf: URL(filePath: webp))), to: "set/b.jpg")
        try place.write(Array(try Data(contentsOf: URL(filePath: webp))), to: "set/c")
        #expect(try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0).trainingCount == 3)
    }

    @Test("unreadable files are skipped where a job says so, and the others keep their classes") func skipped() throws {
        let place = try Workplace()
        for (level, name) in ["a/1.png", "b/1.png", "c/1.png"].enumerated() {
            try place.writeImage(UInt8(level), to: "set/\(name)")
        }
        try place.write([], to: "set/a/0.png")
        try place.write("broken", to: "set/b/1.png")
        try place.link("set/c/2.png", to: "nowhere.png")
        var folder = Making.folder(place.path("set"))
        #expect(
            Set(problems(folder).map(\.file)) == Set(["a/0.png", "b/1.png", "c/2.png"].map { place.path("set/\($0)") }))
        for cache in ImageFolderConfiguration.Cache.allCases {
            (folder.unreadable, folder.cache) = (.skip, cache)
            let data = try Dataset(.imageFolder(folder), seed: 0)
            #expect(try data.trainingCount == 2 && labels(data) == [0, 2] && data.classes == ["a", "b", "c"])
            #expect(data.unreadable.count == 3 && data.notes.count == 3)
        }
        try place.write("broken", to: "set/a/1.png")
        try place.write("broken", to: "set/c/1.png")
        #expect(problems(folder).count == 5)
    }

    @Test("all unreadable pictures are named, a hundred of them, and the others counted") func unreadable() throws {
        let place = try Workplace()
        for level in 0..<40 { try place.writeImage(UInt8(level), to: "set/\(level + 100).png") }
        try place.write([], to: "set/120.png")
        let one = problems(Making.folder(place.path("set")))
        #expect(one.map(\.file) == [place.path("set/120.png")] && one[0].code == .corrupt)
        try place.write("GIF89a", to: "set/a.gif")
        #expect(problems(Making.folder(place.path("set"))).map(\.code) == [.corrupt, .corrupt])
        for level in 0..<30 { try place.write("broken", to: "set/\(level + 100).png") }
        let many = problems(Making.folder(place.path("set")))
        #expect(many.compactMap(\.file) == (100..<130).map { place.path("set/\($0).png") } + [place.path("set/a.gif")])
        for level in 0..<120 { try place.write("broken", to: "set/\(level + 200).png") }
        let most = problems(Making.folder(place.path("set")))
        #expect(most.count == 101 && most.last?.message.contains("51 more files") == true)
    }

    @Test("links out of the directory are followed where they may be") func permitted() throws {
        let place = try Workplace()
        try place.writeImage(1, to: "set/cat/a.png")
        try place.writeImage(2, to: "elsewhere/dogs/b.png")
        try place.writeImage(3, to: "secret/c.png")
        try place.link("set/dog", to: "../elsewhere/dogs")
        let allowed = URL(filePath: place.path("elsewhere")).resolvingSymlinksInPath().path
        let loading = LoadingOptions(permit: { path in
            guard path.hasPrefix(allowed) else { throw Problem(.denied, "not that", remedy: "Another.") }
        })
        func open() throws -> Dataset {
            try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0, loading: loading)
        }
        #expect(try open().classes == ["cat", "dog"] && open().trainingCount == 2)
        try place.link("set/cat/c.png", to: "../../secret/c.png")
        #expect(#expect(throws: Problem.self) { try open() }?.code == .denied)
    }

    @Test("a link out of the directory is refused, one within it is followed") func links() throws {
        let place = try Workplace()
        try place.writeImage(1, to: "set/a.png")
        try place.writeImage(2, to: "secret.png")
        try place.link("set/b.png", to: "a.png")
        #expect(try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0).trainingCount == 2)
        try place.link("set/sub", to: ".")
        #expect(try Dataset(.imageFolder(Making.folder(place.path("set"))), seed: 0).notes.count == 1)
        try place.link("set/c.png", to: "../secret.png")
        let refused = problems(Making.folder(place.path("set")))
        #expect(refused.map(\.code) == [.denied] && refused[0].file == place.path("set/c.png"))
        // The directory itself may be a link: its owner named it.
        try FileManager.default.removeItem(atPath: place.path("set/c.png"))
        try place.link("alias", to: "set")
        #expect(try Dataset(.imageFolder(Making.folder(place.path("alias"))), seed: 0).trainingCount == 2)
    }

    @Test("pictures are cropped, or stretched when told so; 16 bits are kept") func sizes() throws {
        let place = try Workplace()
        let wide = Image(
            width: 8, height: 2, channels: 1, bytes: [0, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0])
        try place.write(try PNG.encode(wide), to: "set/wide.png")
        var folder = Making.folder(place.path("set"), resolution: 2)
        #expect(try Dataset(.imageFolder(folder), seed: 0).trainingSamples(1) == [[1, 1, 1, 1]])
        folder.centerCrop = false
        let stretched = try Dataset(.imageFolder(folder), seed: 0).trainingSamples(1)[0]
        #expect(stretched[0] < 0 && stretched[0] == stretched[1])
        let deep = try Data(contentsOf: URL(filePath: Fixture.path("Media/grey_16.png")))
        try place.write([UInt8](deep), to: "deep/a.png")
        let image = try PNG.decode([UInt8](deep)).image
        let values = try Dataset(.imageFolder(Making.folder(place.path("deep"), resolution: 7)), seed: 0)
            .trainingSamples(1)[0]
        #expect(values == image.centreSquare(resolution: 7).signed)
    }
}
