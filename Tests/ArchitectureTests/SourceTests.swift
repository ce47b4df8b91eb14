import Foundation
import Testing

/// What the sources say, line by line.
@Suite struct SourceTests {
    struct File {
        var target: PackageDescription.Target
        /// From the directory that holds the targets, such as `Media/PNG.swift`.
        var name: String
        var lines: [Substring]

        /// The lines without their comments; a `//` within text ends a line too early, which hides little.
        var code: [(number: Int, text: Substring)] {
            lines.enumerated().map { number, line in
                (number + 1, line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line)
            }
        }

        /// The modules that it imports.
        var imports: Set<String> {
            let pattern =
                /^\s*(?:@\w+\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)/
            return Set(code.compactMap { $0.text.firstMatch(of: pattern).map { String($0.1) } })
        }
    }

    let package: PackageDescription
    let files: [File]

    init() throws {
        let package = try PackageDescription.own.get()
        self.package = package
        files = try package.targets.flatMap { target -> [File] in
            let root = URL(filePath: target.directory).resolvingSymlinksInPath().path
            let paths = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
            return try paths.filter { $0.hasSuffix(".swift") || $0.hasSuffix(".c") || $0.hasSuffix(".h") }.sorted().map
            {
                let text = try String(contentsOfFile: "\(root)/\($0)", encoding: .utf8)
                return File(
                    target: target, name: "\(target.name)/\($0)",
                    lines: text.split(separator: "\n", omittingEmptySubsequences: false))
            }
        }
    }

    private var swiftFiles: [File] { files.filter { $0.name.hasSuffix(".swift") } }

    @Test func sourcesAreFound() {
        for target in package.targets where target.kind != .system {
            #expect(files.contains { $0.target.name == target.name }, "\(target.name) has no sources")
        }
    }

    /// SwiftPM lets a file import what its target does not declare, if something else has built it.
    @Test func importsAreDeclared() {
        let modules = Dictionary(uniqueKeysWithValues: package.targets.map { ($0.module, $0.name) })
        let system: Set = [
            "Foundation", "FoundationXML", "Glibc", "Dispatch", "CDispatch", "Synchronization", "Testing",
        ]
        for file in swiftFiles {
            for module in file.imports.subtracting(system) {
                if let target = modules[module] {
                    #expect(file.target.targets.contains(target), "\(file.name) imports \(target)")
                } else {
                    #expect(file.target.products.contains(module), "\(file.name) imports \(module)")
                }
            }
        }
    }

    /// An arrow that no file needs would hide one that must not be.
    @Test func declaredTargetsAreImported() {
        for target in package.targets where target.kind != .test {
            let imported = files.filter { $0.target.name == target.name }.reduce(into: Set<String>()) {
                $0.formUnion($1.imports)
            }
            for name in target.targets {
                let module = package[name]?.module ?? name
                #expect(imported.contains(module), "\(target.name) declares \(name) and does not import it")
            }
        }
    }

    @Test func nothingTraps() {
        for file in swiftFiles {
            for (number, text) in file.code {
                #expect(!text.contains(/\btry[!]/), "\(file.name):\(number) traps on errors")
                #expect(!text.contains(/\bfatalError[(]/), "\(file.name):\(number) calls fatalError")
            }
        }
    }

    /// The modules that read files, rows and requests of others convert numbers and add them up by means that cannot
    /// trap: `Int(clamping:)`,
    /// `Int(exactly:)`, `Int(saturating:)`, `Int(text, radix:)`, `+|`. Bits are combined, and C's constants converted,
    /// as usual.
    @Test func numbersFromOutsideAreChecked() {
        let readers: Set = [
            "Spool", "JobQueue", "Scheduler", "Doctor", "DurableFiles", "Service", "ControlAPI", "ControlServer",
            "JobSpec",
            "StrictJSON", "Text", "diffctl", "diffd",
        ]
        let conversion =
            /\bU?Int(?:8|16|32|64)?\((?!exactly:|clamping:|truncatingIfNeeded:|bitPattern:|saturating:|ascii:|[A-Z][A-Z0-9_]+\b|\))/
        // What others decide: sizes and times of files, counts in rows and in status files.
        let sum =
            /\b(?:size|modified|attempt|crashes|failures|retries|totalSteps|threads|memory)\s*(?:[-+*]=?|&[-+*])\s/
        let otherSum =
            /\s[-+*]=?\s(?:\w+\.)+(?:size|modified|attempt|crashes|failures|retries|totalSteps|threads|memory)\b/
        for file in swiftFiles where readers.contains(file.target.name) {
            for (number, text) in file.code {
                let place: Comment = "\(file.name):\(number): \(text)"
                #expect(!text.contains(conversion) || text.contains("radix:"), place)
                let isText = text.contains("\"")
                #expect(isText || !text.contains(sum) && !text.contains(otherSum), place)
                #expect(!text.contains("row[\"") || file.name == "JobQueue/RowReader.swift", place)
            }
        }
    }

    /// Outside TensorCore pointers are met only where C is: codecs, system calls, mapped files.
    @Test func pointersStayWhereTheyBelong() {
        let places: Set = [
            // Codecs.
            "Media/PNG.swift", "Media/JPEG.swift", "Media/TIFF.swift", "Media/GIF.swift", "Media/GIFPicture.swift",
            "Media/FileBytes.swift",
            // Drawing.
            "Media/Plot/Canvas.swift",
            // Files: reading, mapping, listing, digests.
            "DurableFiles/Descriptor.swift", "DurableFiles/PosixFileSystem.swift", "DurableFiles/ReadableFile.swift",
            "DurableFiles/Reading.swift", "DurableFiles/SHA256.swift", "Safetensors/SafetensorsFile.swift",
            "Datasets/Folder/FolderListing.swift", "Media/Video/FrameFolder.swift", "Media/Video/MP4.swift",
            "Datasets/Numpy/Inflate.swift",
            // The child on a pipe.
            "Media/Video/ChildProcess.swift",
            // Sockets, users, the journal.
            "ControlAPI/UnixAddress.swift", "ControlAPI/Client/UnixConnection.swift",
            "ControlServer/PeerCredentials.swift", "Scheduler/Scheduler+Intake.swift",
            "Service/JournalLogHandler.swift", "Service/LineLogHandler.swift",
        ]
        let pattern = /Unsafe(?:Mutable)?(?:Raw)?(?:Buffer)?Pointer|withUnsafe/
        let met = swiftFiles.filter { $0.target.kind != .test && $0.target.directory.contains("/Sources/") }
            .filter { file in file.code.contains { $0.text.contains(pattern) } }
        for file in met where file.target.name != "TensorCore" {
            #expect(places.contains(file.name), "\(file.name) has pointers")
        }
    }

    /// Longer than 400 lines needs a reason, which stands here.
    @Test func filesAreShort() {
        let reasons = ["StrictJSON/JSONParser.swift": "one grammar, one recursive descent"]
        for file in files where file.lines.count > 401 {
            #expect(reasons[file.name] != nil, "\(file.name) has \(file.lines.count - 1) lines")
        }
    }
}
