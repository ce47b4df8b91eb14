internal import Execution
internal import Foundation

Worker.selectKernels()
exit(Worker.main(Array(CommandLine.arguments.dropFirst())))
