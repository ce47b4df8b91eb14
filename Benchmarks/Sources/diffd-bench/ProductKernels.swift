internal import Foundation
internal import TensorCore

enum ProductKernels {
    /// Starts this program anew where OpenBLAS must be told which kernels to use, as diffd-worker does.
    static func select() {
        guard getenv(MatrixKernels.variable) == nil, let preferred = MatrixKernels.preferred else { return }
        setenv(MatrixKernels.variable, preferred, 1)
        // Returns only when it fails; then the slower kernels are what is measured, and the report names them.
        execv("/proc/self/exe", CommandLine.unsafeArgv)
    }

    static func description(_ device: Device) -> String {
        "\(device.vectorKernels), OpenBLAS \(device.matrixKernels)"
    }
}
