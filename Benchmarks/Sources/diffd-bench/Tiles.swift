internal import ArgumentParser
internal import Checkpoints
internal import Configurations
internal import Media
internal import Models
internal import Problems
internal import TensorCore

/// What an autoencoder's work in tiles gives and takes beside its work on the whole picture.
struct Tiles: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare encoding and decoding in tiles with doing it at once: results, time and memory.",
        discussion: "Prints a row for each size of tiles. Writes nothing.")
    @OptionGroup var common: CommonOptions

    @Argument(help: "The directory of an autoencoder, or of a model that has one.")
    var autoencoder: String

    @Argument(help: "A PNG or JPEG file.")
    var picture: String

    @Option(help: ArgumentHelp("Sides of tiles.", valueName: "pixels"))
    var side: [Int] = [128, 256]

    func run() throws {
        ProductKernels.select()
        let device = Device(threads: common.threads)
        let model = try AutoencoderPart(autoencoder).autoencoder(on: device)
        let (factor, channels) = (model.configuration.downsampling, model.configuration.inChannels)
        let image = try ImageFile.read(picture).converted(toChannels: channels)
        let (height, width) = (image.height / factor * factor, image.width / factor * factor)
        guard height > 0, width > 0 else {
            throw Problem(.invalid, "the picture is too small", remedy: "Give one of \(factor) pixels or more a side.")
        }
        let fitted = image.centreFitted(width: width, height: height)
        let x = Tensor(fitted.signed, shape: [1, height, width, channels], on: device)
        let encoding = measured(on: device) { model.encode(x).mean }  // (1, h, w, latent)
        let z = encoding.result
        let decoding = measured(on: device) { model.decode(z) }
        let whole = decoding.result.clamped(to: -1...1)
        print("\(width)x\(height) pixels; errors of latents in % of their spread, of pixels in 1/255; seconds, MiB")
        print("| tiles | latents, rms | pixels, rms | pixels, largest | encoding | decoding |")
        print("| --- | --- | --- | --- | --- | --- |")
        print("| none | | | | \(encoding.cost) | \(decoding.cost) |")
        for side in side {
            let latents = max(1, side / factor)
            let encoding = try measured(on: device) { try model.encodeTiled(x, side: latents).mean }
            let decoding = try measured(on: device) { try model.decodeTiled(z, side: latents) }
            let errors = (decoding.result.clamped(to: -1...1) - whole) * 127.5
            let row = [
                "\(latents * factor)", short(100 * (rms(of: encoding.result - z) / spread(of: z))),
                short(rms(of: errors)), short(errors.array().reduce(0) { max($0, Double(abs($1))) }), encoding.cost,
                decoding.cost,
            ]
            print("| \(row.joined(separator: " | ")) |")
        }
    }

    /// What a computation returns, how long it took, and how much memory its tensors took at most.
    private func measured(on device: Device, _ compute: () throws -> Tensor) rethrows -> (result: Tensor, cost: String)
    {
        device.trim()
        let before = device.memory.used
        device.resetPeakMemory()
        let clock = ContinuousClock()
        let start = clock.now
        let result = try compute()
        let seconds = (clock.now - start) / .seconds(1)
        let megabytes = Double(device.memory.peak - before) / Double(1 << 20)
        return (result, "\((seconds * 100).rounded() / 100), \(Int(megabytes.rounded()))")
    }

    private func rms(of x: Tensor) -> Double { (x.sumOfSquares / Double(x.elementCount)).squareRoot() }

    private func spread(of x: Tensor) -> Double { rms(of: x - x.mean()) }

    private func short(_ number: Double) -> String {
        number == 0 || number >= 0.001 ? "\((number * 1000).rounded() / 1000)" : "below 0.001"
    }
}
