public import ArgumentParser
public import Datasets
import DurableFiles

struct Captions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write captions that no picture of captioned_shapes has, one in each line.")

    @Argument(help: "The file.") var file: String
    @Option(help: "seen_pairs: new sentences of known pairs of colour and shape; held_out_pairs: pairs never seen.")
    var kind = ShapeCaption.Unseen.seenPairs
    @Option(help: "Number of captions.") var count = 100
    @Option(help: "Decides which.") var seed: UInt64 = 0

    func validate() throws {
        guard (1...10_000).contains(count) else { throw ValidationError("1 to 10000 captions.") }
    }

    func run() throws {
        let lines = ShapeCaption.unseen(kind, count: count, seed: seed).map { "\($0)\n" }
        try PosixFileSystem().writeDurably(Array(lines.joined().utf8), to: file)
    }
}

extension ShapeCaption.Unseen: ExpressibleByArgument {}
