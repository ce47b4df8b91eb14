import ArgumentParser
import Problems

/// What `make demo` needs besides diffd itself: pictures to learn from, and a measure of what came out. Not installed.
@main
struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diffd-demo",
        abstract: "Make the demo's data and rate its results.",
        subcommands: [
            Shapes.self, Mask.self, Clips.self, Captions.self, Rings.self, RateSpiral.self, RateShapes.self,
            RateClips.self, RateCaptions.self,
        ])
}

/// How good results are, and how good they must be.
struct RatingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Exit with 1 when the share is smaller.", valueName: "share"))
    var atLeast = 0.0

    func validate() throws {
        guard (0...1).contains(atLeast) else { throw ValidationError("--at-least is a share, 0 to 1.") }
    }

    /// Prints `line`, and fails when `share` is too small.
    func report(_ line: String, share: Double) throws {
        print(line)
        guard share < atLeast else { return }
        throw Problem(
            .numerical, "\(percent(share)) is less than the \(percent(atLeast)) that the demo reaches",
            remedy: "Look at the pictures and at the losses in the jobs' log.txt; please report it.")
    }
}

/// `0.9254` as `92.5 %`.
func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
