internal import TensorCore

#if canImport(Glibc)
    internal import Glibc
#endif

extension Worker {
    /// Starts this program anew, with the same arguments, where OpenBLAS has to be told which kernels to use: it reads that
    /// when it is loaded, before any code of ours runs. To be called before anything else.
    ///
    /// On a processor that is newer than OpenBLAS this doubles the speed of every product. A value that the user has set stays.
    public static func selectKernels() {
        guard getenv(MatrixKernels.variable) == nil, let preferred = MatrixKernels.preferred else { return }
        setenv(MatrixKernels.variable, preferred, 1)
        // Returns only when it fails; then the slower kernels do.
        execv("/proc/self/exe", CommandLine.unsafeArgv)
    }
}
