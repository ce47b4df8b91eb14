internal import ArgumentParser
internal import Checkpoints
internal import Configurations
internal import Media
internal import Models
internal import Problems
internal import TensorCore

/// How far an autoencoder's work in tiles is from its work on the whole picture.
struct Tiles: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how far encoding and decoding in tiles are from doing it at once.",
        discussion: "Prints a row for each size of tiles. Writes nothing.")
    @OptionGroup var common: CommonOptions

    @Argument(help: "The directory of an autoencoder, or of a model that has one.")
    var autoencoder: String

    @Argument(help: "A PNG or JPEG file.")
    var picture: String

    @Option(help: ArgumentHelp("Sides of tiles.", valueName: "pixels"))
    var side: [Int] = [128, 256, 512]

    func run() throws {
        let device = Device(threads: common.threads)
        let model = try AutoencoderDirectory(autoencoder).autoencoder(on: device)
        let (factor, channels) = (model.configuration.downsampling, model.configuration.inChannels)
        let image = try ImageFile.read(picture).converted(toChannels: channels)
        let (height, width) = (image.height / factor * factor, image.width / factor * factor)
        guard height > 0, width > 0 else {
            throw Problem(.invalid, "the picture is too small", remedy: "Give one of \(factor) pixels or more a side.")
        }
        let fitted = image.centreFitted(width: width, height: height)
        let x = Tensor(fitted.signed, shape: [1, height, width, channels], on: device)
        let z = model.encode(x).mean  // (1, h, w, latent)
        let whole = model.decode(z).clamped(to: -1...1)
        print("\(width)x\(height) pixels; errors of latents in % of their spread, of pixels in 1/255")
        print("| tiles | latents, rms | pixels, rms | pixels, largest | beside edges, rms |")
        print("| --- | --- | --- | --- | --- |")
        for side in side {
            let latents = max(4, side / factor / 4 * 4)
            let encoded = model.encodeTiled(x, side: latents).mean
            let decoded = model.decodeTiled(z, side: latents).clamped(to: -1...1)
            let errors = (decoded - whole).array().map { abs(Double($0)) * 127.5 }
            // A quarter of a tile before its end the next begins.
            let step = (latents - latents / 4) * factor
            let seams = errors.indices.filter { index in
                let column = index / channels % width
                return column >= step && (column % step < 2 || column % step >= step - 2)
            }.map { errors[$0] }
            let row = [
                "\(latents * factor)", short(100 * (rms(of: encoded - z) / spread(of: z))), short(rms(errors)),
                short(errors.max() ?? 0), short(rms(seams)),
            ]
            print("| \(row.joined(separator: " | ")) |")
        }
    }

    private func rms(of x: Tensor) -> Double { (x.sumOfSquares / Double(x.elementCount)).squareRoot() }

    private func rms(_ values: [Double]) -> Double {
        (values.reduce(0) { $0 + $1 * $1 } / Double(max(1, values.count))).squareRoot()
    }

    private func spread(of x: Tensor) -> Double { rms(of: x - x.mean()) }

    private func short(_ number: Double) -> String { "\((number * 1000).rounded() / 1000)" }
}
