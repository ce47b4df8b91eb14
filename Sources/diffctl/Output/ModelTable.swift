package import ControlAPI
package import Foundation

/// Published models as a table, one a line.
package enum ModelTable {
    package static func render(_ models: [ModelSummary], _ style: Style, zone: TimeZone = .current) -> String {
        var table = Table([
            ("NAME", .left), ("ARCHITECTURE", .left), ("CLASSES", .right), ("JOB", .right), ("SIZE", .right),
            ("PUBLISHED", .left),
            ("PATH", .left),
        ])
        for model in models {
            table.add([
                Table.Cell(model.name), Table.Cell(model.architecture ?? ""),
                Table.Cell(model.classes.map { String($0.count) } ?? ""),
                Table.Cell(model.job.map(String.init) ?? ""),
                Table.Cell(Quantity.bytes(model.bytes)),
                Table.Cell(model.publishedAt.map { Quantity.time($0, in: zone) } ?? ""), Table.Cell(model.path),
            ])
        }
        return table.render(style)
    }
}
