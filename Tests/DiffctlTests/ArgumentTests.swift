import ArgumentParser
import Testing
import diffctl

@Suite struct ArgumentTests {
    @Test(arguments: [
        ("status", "Status"), ("status shirts 42 --json", "Status"),
        ("list -s failed --state held -n x --limit 3", "List"),
        ("show job:7 --socket /tmp/s", "Show"), ("submit a.json b/ - --wait", "Submit"), ("cancel 1 2", "Cancel"),
        ("hold 1", "Hold"), ("release 1", "ReleaseJobs"), ("requeue 1", "Requeue"), ("priority shirts 5", "Priority"),
        ("priority shirts -- -5", "Priority"), ("logs shirts", "Logs"), ("logs -f shirts", "Logs"),
        ("wait 1 2", "Wait"),
        ("watch", "Watch"), ("watch 1 --json", "Watch"), ("doctor --spool /tmp/s --config /tmp/c", "Examine"),
        ("submit a.json --set training.steps=100 --set seed=2", "Submit"), ("drain --json", "Drain"), ("why 1", "Why"),
        ("validate a.json --json", "Validate"), ("models", "ListModels"), ("models list --json", "ListModels"),
        ("models --json", "ListModels"), ("models import a.safetensors a --variant ema", "ImportModel"),
        ("models import a.safetensors a --prediction-type epsilon", "ImportModel"), ("drain", "Drain"),
        ("resume", "Resume"),
        ("reload", "Reload"), ("version", "Version"),
    ])
    func understands(line: String, verb: String) throws {
        let command = try Diffctl.parseAsRoot(line.split(separator: " ").map(String.init))
        #expect(String(describing: type(of: command)) == verb)
    }

    @Test(arguments: [
        "bogus", "status --bogus", "list --state asleep", "list --limit -1", "list --limit x", "show", "show a b",
        "submit", "submit a.json --set steps", "watch a/b", "doctor x",
        "cancel", "cancel a/b", "priority 1", "priority 1 high", "priority 1 1.5", "logs", "wait", "drain 1",
        "models import a.safetensors", "models import a.safetensors a/b", "models import a b --prediction-type x",
    ])
    func refuses(line: String) {
        do {
            _ = try Diffctl.parseAsRoot(line.split(separator: " ").map(String.init))
            Issue.record("'\(line)' was taken")
        } catch {
            #expect(Diffctl.exitCode(for: error) == .validationFailure)
        }
    }
}
