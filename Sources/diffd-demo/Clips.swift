import ArgumentParser
import Datasets
import DurableFiles
import Foundation
import Media

/// The clips that a model of moving shapes is to carry on, and has not seen: their seed is another than that of its training.
struct HeldOutClips: ParsableArguments {
    @Option(help: "Number of clips.") var count = 12
    @Option(help: "Frames that are given.") var frames = 4
    @Option(help: "Frames that are to be made.") var further = 8
    @Option(help: "Height and width.") var resolution = 32
    @Option(help: "Seed of the clips.") var seed = 1_000_003

    func validate() throws {
        guard count >= 1, frames >= 1, further >= 1, (8...1024).contains(resolution), seed >= 0 else {
            throw ValidationError("At least 1 clip of 1 frame, 8 to 1024 pixels a side.")
        }
    }

    /// All frames, given and true ones.
    func clip(_ index: Int) -> [Image] {
        MovingShapes(frames: frames + further, resolution: resolution, seed: UInt64(seed)).clip(index)
    }

    func name(_ index: Int) -> String { "clip-\(index < 10 ? "0" : "")\(index)" }
}

struct Clips: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the beginnings of clips of moving shapes as directories of PNGs: clip-00 and so on.")

    @Argument(help: "The directory; made if it is not there.") var directory: String
    @OptionGroup var clips: HeldOutClips

    func run() throws {
        for index in 0..<clips.count {
            let path = "\(directory)/\(clips.name(index))"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for (number, frame) in clips.clip(index).prefix(clips.frames).enumerated() {
                try PosixFileSystem().writeAtomically(PNG.encode(frame), to: "\(path)/\(1000 + number).png")
            }
        }
    }
}
