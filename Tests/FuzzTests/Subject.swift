import Configurations
import ControlAPI
import Datasets
import DurableFiles
import Foundation
import JobSpec
import Media
import Problems
import Safetensors
import StrictJSON
import TestSupport
import Testing
import Text

/// Something that reads what others have written.
struct Subject: Sendable, CustomTestStringConvertible {
    let name: String
    /// Of the inputs that one that costs nothing gets.
    var share = 1.0
    let mutator: @Sendable () throws -> Mutator
    /// Reads one input; throws what is wrong with it. `file` is a path to write it to, for what reads files only.
    let read: @Sendable (_ input: [UInt8], _ file: String) throws -> Void
    /// Makes the damage harder to see.
    var disguise: (@Sendable (inout [UInt8]) -> Void)?

    var testDescription: String { name }

    static let all: [Subject] =
        [
            jobs, json, safetensors, singleFiles, adapters, npz, npy, png, jpeg, webp, gifPicture, tiff, profiles,
            metadata, idx,
            gif, y4m,
            answers,
            events, prompts,
        ] + ["tokenizer.json", "tokenizer_config.json"].map { tokenizers($0, of: "decoder_saved") }
        + ["vocab.json", "merges.txt", "special_tokens_map.json"].map { tokenizers($0, of: "map") } + spool

    private static let jobWords = [
        "\"kind\": \"train\"", "\"sampler\": {\"name\": \"ddpm\"}", "null", "-1", "1e999", "9223372036854775808",
        "[[[[", "\"\\ud800\"",
        "{}", "\"steps\": 0", "\"after\": [1, \"a\"]", "\"time_limit\": \"1d\"",
    ]

    static let jobs = Subject(name: "job files") {
        Mutator(seeds: try examples().map { Array($0) }, words: jobWords)
    } read: { input, _ in
        let spec = try JobSpec.decode(input, fileName: "a.json")
        // What was understood is written so that it is understood again.
        guard try JobSpec.decode(Array(spec.json.text.utf8), fileName: "a.json") == spec else {
            throw Problem(.internal, "job.json says something else than the job file")
        }
    }

    static let json = Subject(name: "JSON") {
        Mutator(seeds: try examples().map { Array($0) }, words: jobWords)
    } read: { input, _ in
        let node = try JSONNode.parse(input)
        guard try JSONNode.parse(Array(node.text.utf8)) == node else {
            throw Problem(.internal, "JSON that was written is read as something else")
        }
    }

    static let safetensors = Subject(name: "safetensors") {
        Mutator(
            seeds: try ["ops_loss", "models_mlp"].map { try bytes(Fixture.path("\($0).safetensors")) },
            words: [
                "\"dtype\":\"F64\"", "\"shape\":[0]", "\"shape\":[9223372036854775807,2]", "\"data_offsets\":[0,1]",
                "__metadata__", "-1",
            ])
    } read: { input, file in
        try write(input, to: file)
        let tensors = try SafetensorsFile(file)
        for name in tensors.names { _ = try tensors.bytes(name) }
        _ = try TensorChecksums.damage(of: tensors)
    }

    private static let statistics = ["stored", "deflated", "columns", "named"]

    static let npz = Subject(name: "NPZ") {
        Mutator(
            seeds: try statistics.map { try bytes(Fixture.path("Statistics/\($0).npz")) },
            words: ["PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", "mu.npy", "sigma.npy"])
    } read: { input, file in
        try write(input, to: file)
        let archive = try NumpyArchive(file)
        for name in archive.names { _ = try archive.array(name, atMost: 1 << 20) }
    }

    /// What the checksums of an archive keep away from.
    static let npy = Subject(name: "NPY") {
        Mutator(
            seeds: try statistics.map { name in
                let file = try bytes(Fixture.path("Statistics/\(name).npz"))
                return Array(file[(file.firstRange(of: [0x93, 0x4E])?.lowerBound ?? 0)...].prefix(224))
            },
            words: [
                "'descr': '<f8'", "'descr': '<U9'", "'descr': '<i8'", "'fortran_order': True", "'shape': (0, 9)",
                "'shape': (99999999999, 99999999999)", "(12,)", "'",
            ])
    } read: { input, _ in
        _ = try NumpyArray(npy: input)
    }

    static let png = Subject(name: "PNG") {
        Mutator(
            seeds: try ["rgb_8.png", "rgba_16_interlaced.png", "palette_4.png"].map {
                try bytes(Fixture.path("Media/\($0)"))
            },
            words: ["IHDR", "PLTE", "tRNS", "IDAT", "IEND", "iCCP", "zTXt", "acTL"])
    } read: { input, _ in
        _ = try ImageFile.decode(input, limits: ImageLimits(pixels: 1_000_000))
    } disguise: {
        repairChecksums(ofPNG: &$0)
    }

    static let jpeg = Subject(name: "JPEG", share: 0.5) {
        Mutator(
            seeds: try ["grey.jpg", "rgb_420.jpg", "progressive.jpg", "cmyk.jpg", "orientation_6.jpg"].map {
                try bytes(Fixture.path("Media/\($0)"))
            }, words: ["\u{0}Exif\0\0", "JFIF\0"])
    } read: { input, _ in
        _ = try ImageFile.decode(input, limits: ImageLimits(pixels: 1_000_000))
    }

    private static func pictures(
        _ name: String, _ share: Double, _ files: [String], words: [String] = [],
        disguise: (@Sendable (inout [UInt8]) -> Void)? = nil
    ) -> Subject {
        Subject(name: name, share: share) {
            Mutator(seeds: try files.map { try bytes(Fixture.path("Pictures/\($0)")) }, words: words)
        } read: { input, _ in
            _ = try ImageFile.decode(input, limits: ImageLimits(pixels: 1_000_000, memory: 64 << 20))
        } disguise: {
            disguise?(&$0)
        }
    }

    static let webp = pictures(
        "WebP", 0.3, ["lossy.webp", "lossless.webp", "alpha.webp", "animated.webp", "exif_6.webp"],
        words: ["RIFF", "WEBP", "VP8X", "VP8L", "ALPH", "ANMF", "ICCP", "EXIF", "XMP "])

    static let gifPicture = pictures(
        "GIF pictures", 0.5, ["palette.gif", "interlaced.gif", "clear.gif", "placed.gif"], words: ["GIF89a", "!\u{1}"])

    static let tiff = pictures(
        "TIFF", 0.5,
        [
            "raw.tif", "tiff_lzw.tif", "tiff_adobe_deflate.tif", "packbits.tif", "bits.tif", "palette.tif", "alpha.tif",
            "ink.tif", "big.tif", "jpeg.tif", "pages.tif",
        ], words: ["II*\0", "MM\0*"])

    static let profiles = pictures(
        "colour profiles", 0.1, ["wide.jpg", "ink.jpg", "wide_parts.jpg"],
        words: ["acsp", "RGB ", "GRAY", "CMYK", "Lab ", "XYZ ", "mft1", "mft2", "curv", "para", "rTRC", "A2B0"])

    static let metadata = Subject(name: "metadata.jsonl", share: 0.2) {
        Mutator(
            seeds: [Array("{\"file_name\": \"./0.png\", \"label\": \"cat\"}\n\t\n{\"file_name\": \"1.png\"}\n".utf8)],
            words: ["\u{FEFF}", "\0", "./", "../", "\"label\": 99999999999", "\r\n", "null"])
    } read: { input, file in
        let directory = file + ".set"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try write(try PNG.encode(Image(width: 1, height: 1, channels: 1, bytes: [7])), to: directory + "/0.png")
        try write(input, to: directory + "/metadata.jsonl")
        var folder = ImageFolderConfiguration()
        folder.path = directory
        folder.images = ImageOptions(resolution: 1, channels: 1)
        _ = try Dataset(.imageFolder(folder), seed: 0)
    }

    static let idx = Subject(name: "IDX", share: 0.5) {
        let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 3] + (0..<45).map { UInt8($0) }
        return Mutator(seeds: [images])
    } read: { input, file in
        try write(input, to: file)
        var idx = IDXConfiguration()
        idx.imagesPath = file
        _ = try Dataset(.idx(idx), seed: 0)
    }

    /// A program reads them, which takes its time to start.
    static let gif = Subject(name: "GIF", share: 0.02) {
        let frame = Image(width: 8, height: 8, channels: 3, bytes: (0..<192).map { UInt8($0) })
        return Mutator(seeds: [try GIF.encode([frame, frame], delay: 0.1)], words: ["GIF87a", "NETSCAPE2.0"])
    } read: { input, file in
        try write(input, to: file)
        _ = try VideoFile.read(file)
    }

    static let y4m = Subject(name: "Y4M") {
        let head = "YUV4MPEG2 W4 H4 F25:1 Ip A1:1 C420jpeg\n"
        let frame = Array("FRAME\n".utf8) + [UInt8](repeating: 128, count: 24)
        return Mutator(
            seeds: [Array(head.utf8) + frame + frame],
            words: ["W99999999", "H0", "C444", "F0:0", "FRAME\n", "YUV4MPEG2 "])
    } read: { input, file in
        try write(input, to: file)
        _ = try VideoFile.read(file)
    }

    /// What diffctl makes of what a daemon, or something in its place, says.
    static let answers = Subject(name: "HTTP answers") {
        let plain = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"jobs\": []}"
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\n\r\n"
        return Mutator(
            seeds: [plain, chunked].map { Array($0.utf8) },
            words: [
                "\r\n\r\n", "FFFFFFFFFFFFFFFF\r\n", "Content-Length: -1\r\n", "Transfer-Encoding: chunked\r\n",
                "HTTP/1.1 999",
            ])
    } read: { input, _ in
        var parser = ResponseParser()
        // In two pieces, cut anywhere.
        let cut = input.count / 2
        _ = try parser.feed(Array(input[..<cut]))
        _ = try parser.feed(Array(input[cut...]))
        _ = try parser.finish()
    }

    static let events = Subject(name: "server-sent events") {
        Mutator(
            seeds: [
                Array(
                    "event: state\nid: 4\ndata: {\"a\": 1}\n\n: still here\n\nevent: progress\ndata: x\ndata: y\n\n"
                        .utf8)
            ],
            words: ["\r\n", "\r", "data:", "event:", "\u{FEFF}", "id: \0"])
    } read: { input, _ in
        var parser = EventStreamParser()
        _ = parser.feed(input)
    }

    static let prompts = Subject(name: "prompts") {
        Mutator(
            seeds: [
                "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
                "(a\\(b BREAK [c|d]:2) AND [e:f:0.5] é👩‍👩‍👧 <|endoftext|>",
            ].map { Array($0.utf8) },
            words: ["BREAK", "AND", ":-1e9)", "((((", "\\", "[:", "\u{301}\u{327}", "\u{AC00}\u{11A8}"])
    } read: { input, _ in
        let tokenizer = try BytePairTokenizer(directory: Fixture.path("Tokenizers/decoder"))
        let prompt = try Prompt(weighted: String(decoding: input, as: UTF8.self))
        let chunks = tokenizer.chunks(of: prompt, length: 8).sequences
        guard chunks.allSatisfy({ $0.ids.count == 8 && $0.ids.allSatisfy { $0 < tokenizer.vocabularySize } }) else {
            throw Problem(.internal, "a chunk has another length, or a token that there is not")
        }
    }

    /// One file of a tokenizer's directory, the others being good.
    private static func tokenizers(_ name: String, of fixture: String) -> Subject {
        let source = Fixture.path("Tokenizers/\(fixture)")
        return Subject(name: "\(name) of tokenizers") {
            Mutator(
                seeds: [try bytes("\(source)/\(name)")],
                words: [
                    "null", "-1", "1e999", "\"BPE\"", "</w>", "[\"a\", \"b\"]", "\"normalized\": true", "{}", "\u{0}",
                ])
        } read: { input, file in
            let directory = file + ".tokenizer"
            if !FileManager.default.fileExists(atPath: directory) {
                try FileManager.default.copyItem(atPath: source, toPath: directory)
            }
            try write(input, to: "\(directory)/\(name)")
            let tokenizer = try BytePairTokenizer(directory: directory)
            let tokens = tokenizer.truncated(Prompt("A <toy>, a photo! é"), to: 8).sequences[0].ids
            guard tokens.allSatisfy({ (0..<tokenizer.vocabularySize).contains($0) }) else {
                throw Problem(.internal, "there is a token beyond the vocabulary")
            }
        }
    }

    // MARK: - Files

    private static func examples() throws -> [Data] {
        let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../etc/examples")
        return try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }.filter { $0.pathExtension == "json" }.map { try Data(contentsOf: $0) }
    }

    static func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

    static func write(_ bytes: [UInt8], to file: String) throws {
        try Data(bytes).write(to: URL(filePath: file))
    }
}
